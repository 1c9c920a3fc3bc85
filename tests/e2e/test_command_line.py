"""`mailstead` looks after a running system: an account from its making to its end, seen by its mail clients."""

import imaplib
import json
import os
import subprocess
import sys
from pathlib import Path

from kit.stack import Stack
from mailstead_local.ports import HOST


def mailstead(stack: Stack, *arguments: str, password: str = "", status: int = 0) -> str:
    """What the command says on standard output, or for another `status` on standard error."""
    environment = {
        "PATH": os.defpath,
        "MAILSTEAD_API_URL": f"http://{HOST}:{stack.ports.api}",
        "MAILSTEAD_API_TOKEN": stack.demo.admin_token,
        "MAILSTEAD_MIGRATION_DATABASE_URL": stack.system.owner_url(),
    }
    program = str(Path(sys.executable).with_name("mailstead"))
    ended = subprocess.run([program, *arguments], input=password, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == status, ended.stderr
    return ended.stderr if status else ended.stdout


def logs_in(stack: Stack, user: str, password: str) -> bool:
    with imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context()) as imap:
        try:
            return imap.login(user, password)[0] == "OK"
        except imaplib.IMAP4.error:
            return False


def test_the_life_of_an_account(stack: Stack) -> None:
    mailstead(stack, "domains", "create", "cli.test")
    made = json.loads(
        mailstead(stack, "accounts", "create", "dora@cli.test", "--password-stdin", "--json", password="a first secret")
    )
    assert (made["address"], made["active"]) == ("dora@cli.test", True)
    assert logs_in(stack, "dora@cli.test", "a first secret")
    assert "dora@cli.test" in mailstead(stack, "accounts", "list")
    assert "has accounts" in mailstead(stack, "domains", "delete", "cli.test", "--yes", status=1)
    mailstead(stack, "accounts", "delete", "dora@cli.test", "--yes")
    assert not logs_in(stack, "dora@cli.test", "a first secret")
    mailstead(stack, "domains", "delete", "cli.test", "--yes")
    assert "cli.test" not in mailstead(stack, "domains", "list")


async def test_a_changed_account_is_changed_at_once(stack: Stack) -> None:
    person = await stack.new_account()
    async with stack.api() as api:
        (account,) = [a for a in (await api.get("/v1/accounts?limit=500")).json()["items"] if a["address"] == person.user]
        path = f"/v1/accounts/{account['id']}"
        assert logs_in(stack, person.user, person.password)
        (await api.patch(path, json={"password": "another secret of hers"})).raise_for_status()
        assert not logs_in(stack, person.user, person.password)
        assert logs_in(stack, person.user, "another secret of hers")
        (await api.patch(path, json={"active": False})).raise_for_status()
        assert not logs_in(stack, person.user, "another secret of hers")


def test_the_store_is_sound(stack: Stack) -> None:
    assert json.loads(mailstead(stack, "check", "--json")) == []


async def test_after_a_restore_every_mailbox_has_a_new_uidvalidity(stack: Stack) -> None:
    person = await stack.new_account()

    def uidvalidity() -> int:
        with imaplib.IMAP4_SSL("localhost", stack.ports.imap_tls, ssl_context=stack.client_context()) as client:
            client.login(person.user, person.password)
            client.select("INBOX")
            return int(client.response("UIDVALIDITY")[1][0])

    before = uidvalidity()
    assert "have a new UIDVALIDITY" in mailstead(stack, "restored", "--yes")
    assert uidvalidity() > before
