"""Mailboxes that others may use (RFC 4314): dialogs, each right with each command, and the wall between tenants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.nats import NatsServer
from kit.transcripts import transcripts
from mailstead.store.sharing import EVERYBODY, Reader, Sharing
from unit.imap.scenes import play_scene
from unit.imap.serving import PASSWORD, Client, House, Person, StartReplica, connected

MESSAGE = "{14+}\r\nSubject: 1\r\n\r\n"


async def _never(_reachable: bool) -> None:
    raise AssertionError("these scenes leave the database alone")


@pytest.mark.parametrize("path", transcripts("imap/shared"))
async def test_dialog(path: Path, house: House, replica: StartReplica) -> None:
    ann, bob, eve = await house.person(), await house.person(), await house.stranger()
    variables = {"ann": ann.address, "bob": bob.address, "eve": eve.address, "password": PASSWORD}
    async with replica(imap_catch_up_seconds=0.1, imap_notify_seconds=0) as server:
        await play_scene(path, "127.0.0.1", server.port, variables, _never)


# ---- each right with each command

ALLOWED, REFUSED, HIDDEN = "OK", "NO [NOPERM]", "NO [NONEXISTENT]"
RIGHTS = "lrswipkxtea"

# Command -> the one right that it takes, beside `l`, so that who lacks it is told so. `{}` is the mailbox.
UNSELECTED = {
    "STATUS {} (MESSAGES)": "r",
    "SELECT {}": "r",
    "EXAMINE {}": "r",
    "GETQUOTAROOT {}": "r",
    f"APPEND {{}} {MESSAGE}": "i",
    "CREATE {}/Below": "k",
    "DELETE {}": "x",
    "SETACL {} anyone l": "a",
    "DELETEACL {} anyone": "a",
    "GETACL {}": "a",
    "LISTRIGHTS {} anyone": "a",
}
# The same of commands in the selected mailbox, which takes `lr`.
SELECTED = {
    "STORE 1 +FLAGS (\\Seen)": "s",
    "STORE 1 +FLAGS (\\Deleted)": "t",
    "STORE 1 +FLAGS (\\Flagged)": "w",
    "STORE 1 +FLAGS ($Keyword)": "w",
    "EXPUNGE": "e",
    "UID EXPUNGE 1": "e",
}
FREE = ("FETCH 1 (FLAGS)", "SEARCH ALL", "COPY 1 INBOX", "NOOP", "MYRIGHTS {}", "CLOSE")


@dataclass
class Shared:
    """A mailbox of ann's, and bob, who may use it as a test says."""

    sharing: Sharing
    ann: Person
    bob: Person
    mailbox_id: int
    client: Client

    @property
    def name(self) -> str:
        return f"Shared/{self.ann.address}/Work"

    async def grant(self, rights: str) -> None:
        await self.sharing.change(self.ann_as_reader, self.mailbox_id, self.bob.account_id, lambda _: rights)

    @property
    def ann_as_reader(self) -> Reader:
        return Reader(self.ann.account_id, self.ann.tenant_id)

    async def answer(self, command: str) -> str:
        """The tagged answer, without its tag."""
        said = await self.client.command(command.replace("{}", self.name).encode() if "{}" in command else command.encode())
        return said.removesuffix(b"\r\n").rpartition(b"\r\n")[2].partition(b" ")[2].decode()


@pytest.fixture
async def shared(house: House, replica: StartReplica) -> AsyncIterator[Shared]:
    async with _shared(house, replica) as found:
        yield found


@asynccontextmanager
async def _shared(house: House, replica: StartReplica) -> AsyncIterator[Shared]:
    ann, bob = await house.person(), await house.person()
    async with replica(imap_max_bad_commands=1000) as server, connected(server, ann) as owner, connected(server, bob) as client:
        assert b" OK " in await owner.command(b"CREATE Work")
        assert b" OK " in await owner.command(f"APPEND Work {MESSAGE}".encode())
        sql = "SELECT mailbox_id FROM mailboxes WHERE account_id = $1 AND name = 'Work'"
        row = await house.owner.fetchrow("look", sql, ann.account_id)
        assert row is not None
        yield Shared(Sharing(house.owner, lambda _: None), ann, bob, row["mailbox_id"], client)


@pytest.mark.parametrize(("command", "right"), UNSELECTED.items())
async def test_a_command_takes_its_right(shared: Shared, command: str, right: str) -> None:
    await shared.grant("".join(sorted(set(RIGHTS) - {right} | {"l"})))
    assert (await shared.answer(command)).startswith(REFUSED)
    await shared.grant("".join(sorted(set(RIGHTS) - {right, "l"})))
    hidden = REFUSED if command.startswith("CREATE") else "NO [TRYCREATE]" if command.startswith("APPEND") else HIDDEN
    assert (await shared.answer(command)).startswith(hidden), "who may not list it must not learn that it is there"
    await shared.grant("")
    assert (await shared.answer(command)).startswith(hidden)
    await shared.grant(right)
    assert (await shared.answer(command)).startswith(ALLOWED)


@pytest.mark.parametrize(("command", "right"), SELECTED.items())
async def test_a_command_in_the_selected_mailbox_takes_its_right(shared: Shared, command: str, right: str) -> None:
    await shared.grant("".join(sorted(set(RIGHTS) - {right})))
    assert (await shared.answer("SELECT {}")).startswith("OK [READ-WRITE]")
    assert (await shared.answer(command)).startswith(REFUSED)
    await shared.grant("r" + right)
    assert (await shared.answer("SELECT {}")).startswith("OK [READ-WRITE]")
    assert (await shared.answer(command)).startswith(ALLOWED)


@pytest.mark.parametrize("command", FREE)
async def test_what_may_be_read_may_be_used(shared: Shared, command: str) -> None:
    await shared.grant("lr")
    assert (await shared.answer("SELECT {}")).startswith("OK [READ-ONLY]")
    assert (await shared.answer(command)).startswith(ALLOWED)


@pytest.mark.parametrize("rights", ["r", "rt", "re", "rswipkxa"])
async def test_moving_takes_both_of_its_rights(shared: Shared, rights: str) -> None:
    await shared.grant(rights)
    assert "OK" in await shared.answer("SELECT {}")
    assert (await shared.answer("MOVE 1 INBOX")).startswith(REFUSED)
    await shared.grant("rte")
    assert "OK" in await shared.answer("SELECT {}")
    assert (await shared.answer("MOVE 1 INBOX")).startswith(ALLOWED)


async def test_copies_for_another_count_against_the_quota_of_the_target(house: House, replica: StartReplica) -> None:
    """Whoever made them, and be it by MOVE."""
    ann, bob = await house.person(), await house.person(quota_messages=1)
    async with replica() as server, connected(server, ann) as owner, connected(server, bob) as client:
        assert b" OK " in await owner.command(f"SETACL INBOX {bob.address} lrswite".encode())
        for _ in range(2):
            assert b" OK " in await owner.command(f"APPEND INBOX {MESSAGE}".encode())
        assert b" OK " in await client.command(f"SELECT Shared/{ann.address}/INBOX".encode())
        assert b"NO [OVERQUOTA]" in await client.command(b"MOVE 1:2 INBOX")
        assert b"NO [OVERQUOTA]" in await client.command(b"COPY 1:2 INBOX")
        assert b" OK " in await client.command(b"MOVE 1 INBOX")
        # while what bob puts into a mailbox of ann's is hers
        assert b" OK " in await client.command(f"APPEND Shared/{ann.address}/INBOX {MESSAGE}".encode())


async def test_it_is_told_at_once_on_another_replica(house: House, replica: StartReplica, nats: NatsServer) -> None:
    """The periodic look is ten minutes away: what the owner does is told to who may read, and that it may not any more."""
    ann, bob = await house.person(), await house.person()
    seldom = {"imap_catch_up_seconds": 600, "nats_url": nats.url}
    async with (
        replica(**seldom) as one,
        replica(**seldom) as two,
        connected(one, ann) as owner,
        connected(two, bob) as client,
    ):
        assert b" OK " in await owner.command(f"SETACL INBOX {bob.address} lr".encode())
        assert b" OK " in await client.command(f"SELECT Shared/{ann.address}/INBOX".encode())
        client.writer.write(b"i IDLE\r\n")
        async with asyncio.timeout(10):
            assert await client.reader.readline() == b"+ idling\r\n"
            assert b" OK " in await owner.command(f"APPEND INBOX {MESSAGE}".encode())
            assert await client.reader.readline() == b"* 1 EXISTS\r\n"
            assert b" OK " in await owner.command(f"DELETEACL INBOX {bob.address}".encode())
            assert (await client.reader.readline()).startswith(b"* BYE ")
            assert await client.reader.readline() == b""


# ---- the wall between tenants


async def test_nobody_of_another_tenant_sees_or_names_anything(house: House, replica: StartReplica) -> None:
    """With all rights for anyone, and even with rights that stand in the table for the stranger: no answer differs from that for
    a name which nobody has."""
    ann, eve = await house.person(), await house.stranger()
    async with replica(imap_max_bad_commands=1000) as server, connected(server, ann) as owner, connected(server, eve) as stranger:
        assert b" OK " in await owner.command(b"SETACL INBOX anyone lrswipkxtea")
        assert b" OK " in await owner.command(f"APPEND INBOX {MESSAGE}".encode())
        assert (await stranger.command(b'LIST "" Shared*')).count(b"\r\n") == 1
        assert (await stranger.command(b'LSUB "" Shared*')).count(b"\r\n") == 1
        commands = [
            *UNSELECTED, "MYRIGHTS {}", "COPY 1:* {}", "RENAME {} {}2", "GETMETADATA {} (/shared/comment)",
            "SETMETADATA {} (/shared/comment NIL)", "ESEARCH IN (mailboxes {}) ALL", "RENAME INBOX {}/x", "LIST {} *",
            "NOTIFY SET STATUS (mailboxes {} (MessageNew MessageExpunge))", "SETACL INBOX {} lr", "LISTRIGHTS INBOX {}",
        ]  # fmt: skip
        for command in commands:
            answers = []
            for whose in (f"Shared/{ann.address}/INBOX", "Shared/nobody@a.test/INBOX"):
                await stranger.command(b"SELECT INBOX" if command.startswith("COPY") else b"UNSELECT")
                target = whose.split("/")[1] if " INBOX {}" in command else whose
                said = await stranger.command(command.replace("{}", target).encode())
                answers.append(said.partition(b" ")[2].replace(target.encode(), b"X"))
            assert answers[0] == answers[1], command
        said = await owner.command(f"SETACL INBOX {eve.address} lr".encode())
        assert b"NO [CANNOT]" in said


async def test_rights_that_should_not_be_there_open_nothing(house: House) -> None:
    """Were a row for an account of another tenant ever written, it is as if it were not."""
    ann, eve = await house.person(), await house.stranger()
    sql = "INSERT INTO mailbox_rights SELECT account_id, mailbox_id, $2, 'lr' FROM mailboxes WHERE account_id = $1"
    await house.owner.execute("wrong", sql, ann.account_id, eve.account_id)
    await house.owner.execute("wrong", "INSERT INTO shares VALUES ($1, $2, $3)", eve.tenant_id, eve.account_id, ann.account_id)
    sharing, reader = Sharing(house.owner, lambda _: None), Reader(eve.account_id, eve.tenant_id)
    assert await sharing.mailboxes(reader) == []
    assert await sharing.find(reader, ann.address, ["INBOX"]) is None
    assert await sharing.account(reader, ann.address) is None
    for table in ("mailbox_rights", "shares"):
        await house.owner.execute("mend", f"DELETE FROM {table} WHERE grantee <> $1", EVERYBODY)
