"""What a running service promises beyond its dialogs: one session per maildrop, nothing lost, nothing deleted by accident."""

import asyncio
import math
import poplib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from kit.certificates import TestAuthority
from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.store import maildrop
from mailstead.store.engine import open_database
from pop3.reading import READ_MESSAGES
from unit.pop3.serving import MESSAGES, Account, Replica, StartReplica


class Client:
    """Sends lines, reads lines; `retr` undoes the dot-stuffing as a client must."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.buffer = bytearray(b"\r\n")  # the line end before what comes next, so that a dot at once is found

    async def until(self, token: bytes) -> bytes:
        """What comes up to and with `token`, whose first CRLF may have come before."""
        searched = 0
        async with asyncio.timeout(30):
            while (found := self.buffer.find(token, searched)) < 0:
                searched = max(0, len(self.buffer) - len(token))
                more = await self.reader.read(2**18)
                assert more, "the server hung up"
                self.buffer += more
        octets = bytes(self.buffer[2 : found + len(token)])
        del self.buffer[: found + len(token) - 2]
        return octets

    async def line(self) -> str:
        octets = await self.until_line_end()
        return octets.decode().removesuffix("\r\n")

    async def until_line_end(self) -> bytes:
        """One line; the search begins behind the line end that is kept."""
        async with asyncio.timeout(30):
            while (found := self.buffer.find(b"\r\n", 2)) < 0:
                more = await self.reader.read(2**18)
                assert more, "the server hung up"
                self.buffer += more
        octets = bytes(self.buffer[2 : found + 2])
        del self.buffer[:found]
        return octets

    async def ask(self, command: str) -> str:
        self.writer.write(command.encode() + b"\r\n")
        return await self.line()

    async def log_in(self, account: Account) -> str:
        return await self.ask(f"AUTH PLAIN {account.variables()['plain']}")

    async def content(self) -> bytes:
        """The octets of a multi-line response, its final dot and the CRLF before it included in none."""
        octets = b"\r\n" + await self.until(b"\r\n.\r\n")
        return octets.removesuffix(b".\r\n").replace(b"\r\n.", b"\r\n")[2:]

    async def at_end(self) -> bool:
        """Whether the server hangs up without another word."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def connected(server: Replica, account: Account | None = None) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    client = Client(reader, writer)
    try:
        assert (await client.line()).startswith("+OK")
        if account is not None:
            assert (await client.log_in(account)).startswith("+OK")
        yield client
    finally:
        writer.close()


def nasty_messages() -> list[bytes]:
    """Whatever may stand in a mailbox, ended by CRLF."""
    return [
        b"Subject: 8-bit \xff\xfe\r\n\r\n\x00 NUL \xe9\r\n",
        b"Subject: bare\r\n\r\nbare\nLF\rCR\r\n",
        b"Subject: only a header\r\n\r\n",
        b"no header at all\r\n",
        b"\r\n.\r\n",
        b".stuffed: from the first octet\r\n\r\n.\r\n.\r\n..\r\n",
        b"Subject: long line\r\n\r\n" + b"." * 200_000 + b"\r\n",
        b"Subject: lines\r\n\r\n" + b".\r\n" * 50_000,
    ]


async def test_every_octet_comes_back(alice: Account, replica: StartReplica) -> None:
    messages = nasty_messages()
    prefix = b"Return-Path: <bob@a.test>\r\n"
    await alice.fill(messages, prefix)
    async with replica() as server, connected(server, alice) as client:
        for number, message in enumerate(messages, 1):
            whole = prefix + message
            assert await client.ask(f"LIST {number}") == f"+OK {number} {len(whole)}"
            assert await client.ask(f"RETR {number}") == f"+OK {len(whole)} octets"
            assert await client.content() == whole
            assert (await client.ask(f"TOP {number} 999999")).startswith("+OK")
            assert await client.content() == whole


async def test_a_large_message_streams(alice: Account, replica: StartReplica) -> None:
    body = b"".join(b"%07d.\r\n.\r\n" % n for n in range(300_000))
    message = b"Subject: large\r\n\r\n" + body
    await alice.fill([message])
    async with replica() as server, connected(server, alice) as client:
        assert await client.ask("RETR 1") == f"+OK {len(message)} octets"
        assert await client.content() == message
        assert (await client.ask("TOP 1 100000")).startswith("+OK")
        assert await client.content() == message[: message.index(b"0050000.\r\n")]


@pytest.mark.parametrize("window", [300, 100, 70])
async def test_pipelined_retrs_are_read_in_batches(alice: Account, replica: StartReplica, window: int) -> None:
    count = 300
    messages = [b"Subject: %d\r\n\r\n%s\r\n" % (n, b"x" * 500) for n in range(count)]
    await alice.fill(messages)
    async with replica() as server, connected(server, alice) as client:
        for first in range(1, count + 1, window):
            asked = range(first, min(first + window, count + 1))
            client.writer.write(b"".join(b"RETR %d\r\n" % number for number in asked))
            for number in asked:
                message = messages[number - 1]
                assert await client.line() == f"+OK {len(message)} octets"
                assert await client.content() == message
        statements = sum(
            server.counted("mailstead_store_seconds_count", operation=operation) for operation in ("read maildrop", "summaries")
        )
        assert statements <= math.ceil(window / READ_MESSAGES) * math.ceil(count / window)
        assert server.counted("mailstead_pop3_retrieved_total") == count


async def test_what_was_read_ahead_is_not_told_once_it_is_marked(alice: Account, replica: StartReplica) -> None:
    messages = [b"Subject: %d\r\n\r\n" % n for n in range(4)]
    await alice.fill(messages)
    async with replica() as server, connected(server, alice) as client:
        client.writer.write(b"RETR 1\r\nRETR 2\r\nDELE 3\r\nRETR 3\r\nRETR 4\r\n")
        for message in messages[:2]:
            assert await client.line() == f"+OK {len(message)} octets"
            assert await client.content() == message
        assert (await client.line()).startswith("+OK")
        assert (await client.line()).startswith("-ERR")
        assert await client.line() == f"+OK {len(messages[3])} octets"
        assert await client.content() == messages[3]


async def test_quit_deletes_for_good_and_tells_imap(alice: Account, replica: StartReplica) -> None:
    await alice.fill(MESSAGES)
    first, second, third = await alice.uids()
    before = await alice.owner.fetchrow("look", "SELECT highest_modseq FROM mailboxes WHERE name = 'INBOX'")
    async with replica() as server:
        async with connected(server, alice) as client:
            assert (await client.ask("DELE 2")).startswith("+OK")
            assert await alice.uids() == [first, second, third]
            assert (await client.ask("QUIT")).startswith("+OK")
        assert await alice.uids() == [first, third]
        buried = await alice.owner.fetchrow("look", "SELECT uid, modseq, actor, reason FROM expunged")
        assert before is not None
        assert buried is not None
        assert (buried["uid"], buried["reason"], buried["actor"]) == (second, "pop3", "pop3 alice@a.test")
        assert buried["modseq"] > before["highest_modseq"]
        async with connected(server, alice) as client:
            assert (await client.ask("STAT")).startswith("+OK 2 ")


async def test_unique_ids_stay(alice: Account, replica: StartReplica) -> None:
    await alice.fill(MESSAGES)

    async def unique_ids(server: Replica) -> dict[bytes, bytes]:
        async with connected(server, alice) as client:
            await client.ask("UIDL")
            found = dict(line.split() for line in (await client.content()).splitlines())
            assert (await client.ask("QUIT")).startswith("+OK")
            return found

    async with replica() as one, replica() as other:
        first = await unique_ids(one)
        assert len(set(first.values())) == 3
        assert await unique_ids(other) == first
        async with connected(one, alice) as client:
            await client.ask("DELE 1")
            await client.ask("QUIT")
        await alice.fill([MESSAGES[0]])
        later = await unique_ids(other)
        assert [later[b"1"], later[b"2"]] == [first[b"2"], first[b"3"]]
        assert later[b"3"] not in first.values()


async def test_mail_that_goes_elsewhere_is_no_such_message_and_new_mail_is_not_seen(
    alice: Account, replica: StartReplica
) -> None:
    await alice.fill(MESSAGES)
    uids = await alice.uids()
    async with replica() as server, connected(server, alice) as client:
        await alice.expunge(uids[1])
        await alice.fill([MESSAGES[0]])
        assert await client.ask("STAT") == f"+OK 3 {sum(map(len, MESSAGES))}"
        assert await client.ask("RETR 2") == "-ERR no such message"
        assert await client.ask("TOP 2 0") == "-ERR no such message"
        assert await client.ask("RETR 4") == "-ERR no such message"
        assert (await client.ask("RETR 1")).startswith("+OK")
        assert await client.content() == MESSAGES[0]
        assert (await client.ask("DELE 2")).startswith("+OK")
        assert (await client.ask("DELE 3")).startswith("+OK")
        assert (await client.ask("QUIT")).startswith("+OK")
    assert len(await alice.uids()) == 2


async def test_one_session_for_a_maildrop_on_all_replicas(alice: Account, replica: StartReplica) -> None:
    async with replica() as one, replica() as other:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(server)) for server in (one, other) * 5]
            answers = await asyncio.gather(*(client.log_in(alice) for client in clients))
            winners = [answer for answer in answers if answer.startswith("+OK")]
            assert len(winners) == 1
            assert all(answer.startswith("-ERR [IN-USE]") for answer in answers if answer not in winners)
            # being too late is no fault: the same connection may try again, as often as it likes
            loser = clients[answers.index(next(answer for answer in answers if answer not in winners))]
            for _ in range(4):
                assert (await loser.log_in(alice)).startswith("-ERR [IN-USE]")
            winner = clients[answers.index(winners[0])]
            assert (await winner.ask("QUIT")).startswith("+OK")
            assert (await loser.log_in(alice)).startswith("+OK")
        await eventually(lambda: log_in_works(other, alice))


async def log_in_works(server: Replica, account: Account) -> bool:
    async with connected(server) as client:
        return (await client.log_in(account)).startswith("+OK")


async def test_a_lease_lives_as_long_as_its_session_and_no_longer(alice: Account, replica: StartReplica) -> None:
    async with replica(pop3_lease_seconds=1) as one, replica(pop3_lease_seconds=1) as other, connected(one, alice) as client:
        deadline = asyncio.get_running_loop().time() + 2.5
        while asyncio.get_running_loop().time() < deadline:
            assert not await log_in_works(other, alice)
        assert await client.ask("NOOP") == "+OK"
        # the replica is gone without a word: its lease is renewed no more
        await alice.owner.execute("crash", "UPDATE leases SET holder = 'crashed'")
        await eventually(lambda: log_in_works(other, alice), 5)


async def test_who_lost_the_lease_deletes_nothing(alice: Account, replica: StartReplica) -> None:
    await alice.fill(MESSAGES)
    async with replica(pop3_lease_seconds=30) as server, connected(server, alice) as client:
        assert (await client.ask("DELE 1")).startswith("+OK")
        await alice.owner.execute("steal", "UPDATE leases SET fence = fence + 1, holder = 'another'")
        assert (await client.ask("QUIT")).startswith("-ERR [SYS/TEMP]")
        assert await client.at_end()
        assert server.counted("mailstead_pop3_sessions_total", ending="update_failed") == 1
    assert len(await alice.uids()) == 3


_TRIP = """
CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.uid >= 5 THEN RAISE 'disk of the inside is full'; END IF; RETURN NEW; END $$;
CREATE TRIGGER trip BEFORE INSERT ON expunged FOR EACH ROW EXECUTE FUNCTION trip()
"""
_STEAL = """
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN UPDATE leases SET fence = fence + 1, holder = 'another'; RETURN NULL; END $$;
CREATE TRIGGER steal AFTER INSERT ON expunged FOR EACH STATEMENT EXECUTE FUNCTION steal()
"""


@pytest.mark.parametrize("fault", [_TRIP, _STEAL], ids=["store", "lease"])
async def test_quit_deletes_all_or_nothing(
    alice: Account, replica: StartReplica, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Many deletions are several statements of one transaction; whatever fails in its middle, +OK would be a lie (promise D1)."""
    monkeypatch.setattr(maildrop, "REMOVED_AT_ONCE", 2)
    await alice.fill([b"Subject: %d\r\n\r\n" % n for n in range(1, 8)])
    async with replica(pop3_lease_seconds=30) as server:
        async with connected(server, alice) as client:
            for number in range(1, 8):
                assert (await client.ask(f"DELE {number}")).startswith("+OK")
            await alice.owner.execute("break", fault)
            assert await client.ask("QUIT") == "-ERR [SYS/TEMP] 7 marked messages may not be deleted, try again later"
            assert await client.at_end()
        assert len(await alice.uids()) == 7
        assert server.counted("mailstead_pop3_deleted_total") == 0


async def test_quit_deletes_many_in_one_transaction(
    alice: Account, replica: StartReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maildrop, "REMOVED_AT_ONCE", 2)
    await alice.fill([b"Subject: %d\r\n\r\n" % n for n in range(1, 8)])
    async with replica() as server, connected(server, alice) as client:
        for number in range(1, 6):
            assert (await client.ask(f"DELE {number}")).startswith("+OK")
        assert await client.ask("QUIT") == "+OK bye"
        assert await alice.uids() == [6, 7]
        buried = await alice.owner.fetch("look", "SELECT count(*) AS tombstones, modseq FROM expunged GROUP BY modseq")
        assert [row["tombstones"] for row in buried] == [5]
        assert server.counted("mailstead_store_seconds_count", operation="remove from maildrop") == 1
        assert server.counted("mailstead_pop3_deleted_total") == 5


async def test_a_session_that_lost_its_lease_is_ended(alice: Account, replica: StartReplica) -> None:
    async with replica(pop3_lease_seconds=1) as server, connected(server, alice) as client:
        await alice.owner.execute("steal", "UPDATE leases SET fence = fence + 1, holder = 'another'")
        assert await client.at_end()
        await eventually(lambda: server.counted("mailstead_pop3_sessions_total", ending="lease_lost") == 1)


@pytest.mark.breaks_invariants
async def test_a_store_that_fails_is_a_temporary_failure_everywhere(
    alice: Account, replica: StartReplica, database_urls: DatabaseUrls
) -> None:
    await alice.fill(MESSAGES)
    async with replica() as server, connected(server, alice) as client, connected(server) as stranger:
        assert (await client.ask("DELE 3")).startswith("+OK")
        for table in ("messages", "accounts"):
            await alice.owner.execute("break", f"ALTER TABLE {table} RENAME TO {table}_gone")
        for command in ("RETR 1", "TOP 1 0"):
            assert (await client.ask(command)).startswith("-ERR [SYS/TEMP]")
        client.writer.write(b"RETR 1\r\nRETR 2\r\nRETR 7\r\nNOOP\r\n")
        answers = [await client.line() for _ in range(4)]
        assert all(answer.startswith("-ERR [SYS/TEMP]") for answer in answers[:3])
        assert answers[3] == "+OK"
        assert (await client.ask("QUIT")).startswith("-ERR [SYS/TEMP]")
        answer = await stranger.log_in(alice)
        assert answer.startswith("-ERR [SYS/TEMP]")
        assert "accounts" not in answer


async def test_silence_ends_a_session_without_update(alice: Account, replica: StartReplica) -> None:
    await alice.fill(MESSAGES)
    async with replica(pop3_idle_seconds=0.3, pop3_login_seconds=0.3) as server:
        async with connected(server) as client:
            assert await client.at_end()
        async with connected(server, alice) as client:
            assert (await client.ask("DELE 1")).startswith("+OK")
            assert await client.at_end()
        await eventually(lambda: server.counted("mailstead_pop3_sessions_total", ending="timed_out") == 2)
        assert await log_in_works(server, alice)
    assert len(await alice.uids()) == 3


async def test_drain_lets_a_transaction_finish_and_ends_the_others(alice: Account, replica: StartReplica) -> None:
    await alice.fill(MESSAGES)
    async with AsyncExitStack() as stack:
        running = replica()
        server = await running.__aenter__()
        stranger = await stack.enter_async_context(connected(server))
        client = await stack.enter_async_context(connected(server, alice))
        leaving = asyncio.create_task(running.__aexit__(None, None, None))
        assert await stranger.at_end()
        assert (await client.ask("RETR 1")).startswith("+OK")
        await client.content()
        assert (await client.ask("DELE 1")).startswith("+OK")
        assert (await client.ask("QUIT")).startswith("+OK")
        await leaving
    assert len(await alice.uids()) == 2


async def test_lines_that_are_no_commands_end_the_connection(replica: StartReplica) -> None:
    async with replica(pop3_max_bad_commands=3) as server, connected(server) as client:
        for _ in range(3):
            assert (await client.ask("GET / HTTP/1.1")).startswith("-ERR")
        assert await client.at_end()


async def test_poplib(alice: Account, replica: StartReplica, authority: TestAuthority) -> None:
    """The client of Python's standard library, in the clear, with STLS and in TLS from the start."""
    await alice.fill(MESSAGES)

    def converse(server: Replica, kind: str) -> None:
        context: ssl.SSLContext = authority.client_context()
        pop: Any
        if kind == "tls":
            pop = poplib.POP3_SSL("localhost", server.tls_port, timeout=10, context=context)
        else:
            pop = poplib.POP3("localhost", server.port, timeout=10)
        if kind == "stls":
            pop.stls(context)
        assert "PIPELINING" in pop.capa()
        pop.user(alice.address)
        pop.pass_(alice.password)
        assert pop.stat() == (3, sum(map(len, MESSAGES)))
        assert b"\r\n".join(pop.retr(2)[1]) + b"\r\n" == MESSAGES[1]
        assert pop.top(1, 0)[1][-1] == b""
        assert len(pop.uidl()[1]) == 3
        pop.quit()

    async with replica() as server:
        for kind in ("clear", "stls", "tls"):
            await asyncio.to_thread(converse, server, kind)


async def test_the_role_of_this_service_is_enough_and_little(alice: Account, database_urls: DatabaseUrls) -> None:
    async with open_database(database_urls.pop3) as db:
        for sql in (
            "SELECT * FROM api_keys",
            "UPDATE accounts SET active = false",
            "DELETE FROM contents",
            "SELECT * FROM queue_messages",
        ):
            with pytest.raises(Exception, match="permission denied"):
                await db.execute("try", sql)


async def test_an_internationalized_message_wants_utf8(alice: Account, replica: StartReplica) -> None:
    """RFC 6856 §5, where that is asked for: -ERR [UTF8] for that message alone; in UTF-8 mode it comes as it is."""
    prefix = b"Received: from x by mail.test with UTF8SMTPS id 1;\r\n\tMon, 23 Nov 2026 10:00:00 +0000\r\n"
    message = "From: büro@exämple.test\r\nSubject: é\r\n\r\nHi\r\n".encode()
    large = message + (b"x" * 76 + b"\r\n") * 15_000
    await alice.fill([message, large], prefix)
    await alice.fill([message])  # no SMTPUTF8: a header with octets beyond ASCII is nothing new
    async with replica() as lenient, connected(lenient, alice) as client:
        assert (await client.ask("RETR 1")).startswith("+OK")
        assert await client.content() == prefix + message
        assert await client.ask("QUIT") == "+OK bye"
    async with replica(pop3_strict_utf8=True) as server:
        async with connected(server, alice) as client:
            for command in ("RETR 1", "TOP 1 0", "RETR 2"):
                assert (await client.ask(command)).startswith("-ERR [UTF8] ")
            assert (await client.ask("RETR 3")).startswith("+OK")
            assert await client.content() == message
            assert await client.ask("QUIT") == "+OK bye"
        async with connected(server) as client:
            assert await client.ask("UTF8") == "+OK UTF-8 mode"
            assert (await client.log_in(alice)).startswith("+OK")
            for number, whole in ((1, prefix + message), (2, prefix + large)):
                assert await client.ask(f"RETR {number}") == f"+OK {len(whole)} octets"
                assert await client.content() == whole
            assert (await client.ask("TOP 1 0")).startswith("+OK")
            assert (await client.content()).startswith(prefix + b"From: b\xc3\xbcro@")


async def capabilities(client: Client) -> set[bytes]:
    assert (await client.ask("CAPA")).startswith("+OK")
    return set((await client.content()).splitlines())


async def test_login_delay_holds_on_all_replicas(alice: Account, replica: StartReplica) -> None:
    async with replica(pop3_login_delay_seconds=600) as one, replica(pop3_login_delay_seconds=600) as other:
        async with connected(one, alice) as client:
            assert b"LOGIN-DELAY 600" in await capabilities(client)
            assert await client.ask("QUIT") == "+OK bye"
        for server in (one, other):
            async with connected(server) as client:
                for _ in range(4):  # it is no fault: the connection stays
                    answer = await client.log_in(alice)
                    assert answer == "-ERR [LOGIN-DELAY] logged in too recently, try again later"
        await alice.owner.execute("wait", "UPDATE limits SET refilled_at = refilled_at - interval '10 minutes'")
        assert await log_in_works(other, alice)


async def test_expire_deletes_old_mail_of_the_snapshot_at_quit(alice: Account, replica: StartReplica) -> None:
    await alice.fill(MESSAGES)
    await alice.owner.execute("age", "UPDATE messages SET saved_at = now() - interval '8 days' WHERE uid <= 2")
    async with replica(pop3_expire_days=7) as server:
        async with connected(server, alice) as client:
            assert b"EXPIRE 7" in await capabilities(client)
        assert len(await alice.uids()) == 3  # no QUIT, no UPDATE
        await eventually(lambda: server.counted("mailstead_connections_open", listener="pop3") == 0)
        async with connected(server, alice) as client:
            await alice.fill([MESSAGES[0]])
            await alice.owner.execute("age", "UPDATE messages SET saved_at = now() - interval '8 days' WHERE uid = 4")
            assert await client.ask("QUIT") == "+OK bye"
        assert await alice.uids() == [3, 4]
    async with replica() as server, connected(server, alice) as client:
        assert b"EXPIRE NEVER" in await capabilities(client)
        assert await client.ask("QUIT") == "+OK bye"
    assert await alice.uids() == [3, 4]
