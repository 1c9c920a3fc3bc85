"""What goes wrong in the middle of an answer, or behind a session's back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.model.failure import Failure, Refused
from mailstead.store.content import Source
from mailstead.store.engine import open_database
from mailstead.store.messages import Messages
from mailstead.store.reclaim import Reclaim
from unit.imap.serving import House, Person, StartReplica, connected

BOUNDARY = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
ENCLOSED = b"Content-Type: message/rfc822\r\n\r\nSubject: enclosed\r\n\r\n" + b"x" * 70 + b"\r\n"
LARGE = BOUNDARY + ENCLOSED + b"y" * 300_000 + b"\r\n--b--\r\n"  # beyond what is read whole for a part of it


async def _away(_self: Messages, _source: Source, _start: int = 0, _length: int | None = None) -> AsyncIterator[bytes]:
    raise Refused(Failure.UNAVAILABLE, "the store is away")
    yield b""


async def test_a_line_that_has_begun_is_finished_or_nothing_follows(
    house: House, alice: Person, replica: StartReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where octets cannot be read, no tagged answer may stand where they were announced."""
    await house.fill(alice, [LARGE])
    async with replica() as server, connected(server, alice) as client:
        assert b"Subject: enclosed\r\n" in await client.command(b"FETCH 1 BODY.PEEK[1.HEADER.FIELDS (SUBJECT)]")
        monkeypatch.setattr(Messages, "read", _away)
        answer = await client.command(b"FETCH 1 (UID BODY.PEEK[1.HEADER.FIELDS (SUBJECT)])")
        assert answer == b"t4 NO [UNAVAILABLE] temporary failure, try again later\r\n"
        assert await client.command(b"NOOP") == b"t5 OK done\r\n"
        assert await client.command(b"FETCH 1 BODY.PEEK[]") == b""  # announced, and then cut off


async def test_a_session_that_slept_through_the_purge_of_tombstones_has_to_go(
    house: House, alice: Person, replica: StartReplica, database_urls: DatabaseUrls
) -> None:
    """What was expunged can no longer be told, so that its message numbers would be wrong for ever."""
    await house.fill(alice, [b"Subject: 1\r\n\r\n", b"Subject: 2\r\n\r\n"])
    async with replica(imap_catch_up_seconds=600) as server, connected(server, alice) as asleep:
        async with connected(server, alice) as other:
            await other.command(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
            assert b"* 1 EXPUNGE" in await other.command(b"EXPUNGE")
        async with open_database(database_urls.jobs, pool_size=1) as jobs:
            await Reclaim(jobs).tombstones(timedelta(0))
        answer = await asleep.command(b"NOOP")
        assert answer == b"* BYE this session was asleep for too long, please select the mailbox again\r\n"


async def test_a_search_of_many_numbers(house: House, alice: Person, replica: StartReplica) -> None:
    """As long a set as a command can hold, with a key that the view alone cannot answer."""
    await house.fill(alice, [b"Subject: %d\r\n\r\n" % n for n in range(1_000)])
    numbers = b",".join(b"%d" % n for n in range(1, 1_001, 2))
    async with replica() as server, connected(server, alice) as client:
        async with asyncio.timeout(5):
            answer = await client.command(b"SEARCH UNSEEN " + numbers)
        assert answer.split()[2:502] == numbers.split(b",")


async def test_an_append_that_is_cut_off_leaves_nothing(house: House, alice: Person, replica: StartReplica) -> None:
    async with replica() as server:
        async with connected(server, alice) as client:
            client.writer.write(b"a APPEND INBOX {1000+}\r\n" + b"x" * 999)
            await client.writer.drain()
        await eventually(lambda: server.counted("mailstead_connections_open", listener="imap") == 0)
        assert server.counted("mailstead_imap_append_octets") == 0
        async with connected(server, alice) as client:
            assert b"MESSAGES 0" in await client.command(b"STATUS INBOX (MESSAGES)")


async def test_a_long_search_tells_how_far_it_is(
    house: House, alice: Person, replica: StartReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9585 §3: with the tag of the command, what is done and what there is to do."""
    monkeypatch.setattr("mailstead.store.search_scan.BATCH_MESSAGES", 2)
    await house.fill(alice, [b"Subject: %d\r\n\r\n" % n for n in range(5)])
    async with replica(imap_progress_seconds=0) as server, connected(server, alice) as client:
        answer = await client.command(b"SEARCH BODY nowhere")
        assert answer == (
            b'* OK [INPROGRESS ("t3" 2 5)] searching\r\n* OK [INPROGRESS ("t3" 4 5)] searching\r\n* SEARCH\r\nt3 OK searched\r\n'
        )
