"""Scripts and the verdict on a message: Junk is where suspicious mail goes by itself, and a user's script may say otherwise."""

from typing import Any

import pytest

from kit.dns import DnsServer
from unit.smtp_in.conversing import Serve
from unit.smtp_in.test_checks_gate import BODY, checking, folder
from unit.smtp_in.test_checks_gate import send as send_as_stranger
from unit.smtp_in.test_sieve_delivery import VACATION, activate, queued


@pytest.fixture
async def served(serve: Serve, dns_server: DnsServer) -> Any:
    """Where what `send_as_stranger` sends is junk."""
    dns_server.records('sender TXT "v=spf1 -all"', '_dmarc.sender TXT "v=DMARC1; p=quarantine"')
    return await checking(serve, dns_server)


@pytest.mark.parametrize(
    ("script", "mailboxes"),
    [
        ("# the implicit keep", ["Junk"]),
        ('require "imap4flags"; addflag "\\\\Seen";', ["Junk"]),
        ("keep;", ["INBOX"]),
        ('require "fileinto"; fileinto "Archive";', ["Archive"]),
        ('require "fileinto"; if header "x-spam-flag" "YES" { fileinto "Trash"; }', ["Trash"]),
        ('require "fileinto"; if header :contains "authentication-results" "dmarc=fail" { fileinto "Trash"; }', ["Trash"]),
        ("discard;", []),
    ],
)
async def test_a_script_has_the_last_word(served: Any, script: str, mailboxes: list[str]) -> None:
    await activate(served, "alice", script)
    assert (await send_as_stranger(served, BODY)).startswith(b"250")
    assert await folder(served) == mailboxes


async def test_junk_is_not_answered(served: Any) -> None:
    await activate(served, "alice", VACATION)
    assert (await send_as_stranger(served, BODY)).startswith(b"250")
    assert await folder(served) == ["Junk"]
    assert await queued(served) == []
