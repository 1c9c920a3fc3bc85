"""With NATS gone mail still flows; what is new is only heard of later, within the configured time (promise D2)."""

import asyncio
import imaplib
import time

import pytest

from chaos.attempts import Attempts
from chaos.conftest import CATCH_UP_SECONDS
from kit.idling import idling
from kit.stack import Stack
from mailstead_local.ports import HOST

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(120)]


async def test_mail_flows_and_is_heard_of_in_time(victim: Stack) -> None:
    person = await victim.new_account()
    attempts = Attempts(victim, [person])
    async with idling(victim, person) as idler:
        victim.kill("nats")
        try:
            start = time.monotonic()
            await attempts.deliver(range(20), sessions=4)
            async with asyncio.timeout(CATCH_UP_SECONDS + 5):
                await idler.exists()
            print(f"without NATS: heard of {time.monotonic() - start:.1f} s after it was sent, told to be {CATCH_UP_SECONDS} s")
        finally:
            await asyncio.to_thread(victim.start, "nats")
    assert set(await asyncio.to_thread(attempts.found)) == attempts.acknowledged
    assert len(attempts.acknowledged) == 20


async def test_services_start_without_nats(victim: Stack) -> None:
    """What is stored can be read, whether or not there is anybody to hear of changes from."""
    victim.kill("nats")
    try:
        victim.kill("imap")
        await asyncio.to_thread(victim.start, "imap")
        await asyncio.to_thread(victim.wait_ready, "imap")
        person = await victim.new_account()
        with imaplib.IMAP4_SSL(HOST, victim.ports.imap_tls, ssl_context=victim.client_context()) as imap:
            imap.login(person.user, person.password)
            assert imap.select("INBOX") == ("OK", [b"0"])
    finally:
        await asyncio.to_thread(victim.start, "nats")
