"""SIGKILL of any one part in the middle of incoming mail loses nothing and doubles nothing (promises D1, D2, D6)."""

import asyncio

import pytest

from chaos.attempts import Attempts
from kit.stack import Stack
from kit.waiting import eventually
from mailstead_local.services import SERVICES

MESSAGES = 1000
SESSIONS = 16
KILL_AFTER = 300  # acknowledged messages
PARTS = [*(service.name for service in SERVICES), "nats", "postgres"]

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]


@pytest.mark.parametrize("part", PARTS)
async def test_a_killed_part(part: str, victim: Stack) -> None:
    attempts = Attempts(victim, [await victim.new_account() for _ in range(4)])
    async with asyncio.timeout(180):
        sending = asyncio.create_task(attempts.deliver(range(MESSAGES), SESSIONS))
        await eventually(lambda: len(attempts.acknowledged) >= KILL_AFTER, 60, "mail flows")
        victim.kill(part)
        acknowledged_at_kill = len(attempts.acknowledged)
        await asyncio.to_thread(victim.start, part)
        await sending
    assert acknowledged_at_kill < MESSAGES, "killed too late to prove anything"
    for service in SERVICES:
        await asyncio.to_thread(victim.wait_ready, service.name)
    found = await asyncio.to_thread(attempts.found)
    assert len(attempts.acknowledged) == MESSAGES
    assert {stamp: times for stamp, times in found.items() if times > 1} == {}
    assert attempts.acknowledged - found.keys() == set()
    assert found.keys() - attempts.made == set()
    unanswered = len(attempts.made) - MESSAGES
    print(
        f"{part}: killed after {acknowledged_at_kill}; {MESSAGES} acknowledged and found, {unanswered} attempts not answered 250,"
    )
    print(f"of which {len(found) - MESSAGES} are there all the same, each once")
