"""NOTIFY (RFC 5465): what the difference of two states tells; over replicas, in bounds, and when events are lost.

Its dialogs are `tests/transcripts/imap/notify.txt` and `scenes/notify-*.txt`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from imap.grammar.events import EventGroup, MailEvent
from imap.grammar.requests import StatusItem
from imap.grammar.sources import Source, SourceKind
from imap.notices import AccountState, Interest, ListNotice, MetadataNotice, Notice, StatusNotice, notices
from kit.nats import NatsServer
from mailstead.store.mailbox_row import Mailbox
from mailstead.store.mailboxes import Mailboxes
from unit.imap.serving import PASSWORD, Person, Replica, StartReplica

COUNTS = frozenset({MailEvent.MESSAGE_NEW, MailEvent.MESSAGE_EXPUNGE})
ALL = COUNTS | {MailEvent.FLAG_CHANGE}
NAMES = frozenset({MailEvent.MAILBOX_NAME})


def mailbox(number: int, name: str, *, modseq: int = 1, uidnext: int = 1, messages: int = 0, unseen: int = 0) -> Mailbox:
    return Mailbox(1, number, name, 100 + number, uidnext, modseq, 1, messages, unseen, 0, 0, None)


def state(*mailboxes: Mailbox, subscribed: Iterable[str] = (), **annotations: bytes) -> AccountState:
    """Annotations belong to mailbox 1."""
    digests = {(1, "/private/" + entry): value for entry, value in annotations.items()}
    return AccountState({each.mailbox_id: each for each in mailboxes}, frozenset(), set(subscribed), digests)


def interest(kind: SourceKind, events: frozenset[MailEvent], *names: str) -> Interest:
    return Interest((EventGroup(Source(kind, names), events),))


def told(notice: Notice) -> object:
    match notice:
        case ListNotice(listed):
            return listed.name, listed.attributes, listed.old_name
        case StatusNotice(row, items):
            return row.name, {item.value for item in items}
        case MetadataNotice(name, entries):
            return name, entries


INBOX = mailbox(1, "INBOX")
PERSONAL = SourceKind.PERSONAL
NEW, OLD = ("\\HasNoChildren",), ("\\NonExistent", "\\HasNoChildren")
TOLD = [
    pytest.param(interest(PERSONAL, ALL), state(INBOX), state(INBOX), True, [], id="nothing"),
    pytest.param(
        interest(PERSONAL, COUNTS),
        state(INBOX, mailbox(2, "a")),
        state(INBOX, mailbox(2, "a", modseq=2, uidnext=2, messages=1, unseen=1)),
        False,
        [("a", {"MESSAGES", "UIDNEXT"})],
        id="a message",
    ),
    pytest.param(
        interest(PERSONAL, COUNTS),
        state(INBOX, mailbox(2, "a")),
        state(INBOX, mailbox(2, "a", modseq=2, uidnext=2, messages=1, unseen=1)),
        True,
        [("a", {"MESSAGES", "UIDNEXT", "HIGHESTMODSEQ"})],
        id="a message, CONDSTORE",
    ),
    pytest.param(
        interest(PERSONAL, COUNTS),
        state(INBOX, mailbox(2, "a", uidnext=2)),
        state(INBOX, mailbox(2, "a", uidnext=2, modseq=5)),
        True,
        [],
        id="flags that nobody asked for",
    ),
    pytest.param(
        interest(PERSONAL, ALL),
        state(INBOX, mailbox(2, "a", uidnext=2)),
        state(INBOX, mailbox(2, "a", uidnext=2, modseq=5)),
        True,
        [("a", {"UIDVALIDITY", "HIGHESTMODSEQ"})],
        id="flags, CONDSTORE",
    ),
    pytest.param(
        interest(PERSONAL, ALL),
        state(mailbox(1, "INBOX", uidnext=2)),
        state(mailbox(1, "INBOX", uidnext=3, modseq=5)),
        True,
        [],
        id="the selected one is told elsewhere",
    ),
    pytest.param(
        interest(SourceKind.SUBTREE, COUNTS, "a"),
        state(INBOX, mailbox(2, "a"), mailbox(3, "a/b"), mailbox(4, "ab")),
        state(INBOX, mailbox(2, "a"), mailbox(3, "a/b", uidnext=2), mailbox(4, "ab", uidnext=2)),
        False,
        [("a/b", {"MESSAGES", "UIDNEXT"})],
        id="below, and not merely alike",
    ),
    pytest.param(
        interest(SourceKind.SUBSCRIBED, COUNTS),
        state(INBOX, mailbox(2, "a"), mailbox(3, "b"), subscribed=["a"]),
        state(INBOX, mailbox(2, "a", uidnext=2), mailbox(3, "b", uidnext=2), subscribed=["b"]),
        False,
        [("b", {"MESSAGES", "UIDNEXT"})],
        id="those subscribed by now",
    ),
    pytest.param(
        interest(PERSONAL, NAMES),
        state(INBOX, mailbox(2, "a"), mailbox(3, "a/b"), mailbox(4, "a/b/c"), mailbox(5, "a/d")),
        state(INBOX, mailbox(2, "x"), mailbox(3, "x/b"), mailbox(4, "x/b/c"), mailbox(5, "d")),
        False,
        [("d", NEW, "a/d"), ("x", ("\\HasChildren",), "a")],
        id="renamed: children are told only where they went elsewhere",
    ),
    pytest.param(
        interest(PERSONAL, NAMES),
        state(INBOX, mailbox(2, "a"), mailbox(3, "a/b"), mailbox(4, "a/b/c")),
        state(INBOX, mailbox(2, "x"), mailbox(3, "q"), mailbox(4, "x/b/c")),
        False,
        [("q", NEW, "a/b"), ("x", ("\\HasChildren",), "a"), ("x/b/c", NEW, "a/b/c")],
        id="renamed: the nearest one above is what a child goes along with",
    ),
    pytest.param(
        interest(SourceKind.MAILBOXES, NAMES, "a"),
        state(INBOX, mailbox(2, "a")),
        state(INBOX, mailbox(2, "b")),
        False,
        [("b", NEW, "a")],
        id="renamed away from a name that was asked for",
    ),
    pytest.param(
        interest(PERSONAL, NAMES),
        state(INBOX, mailbox(2, "a")),
        state(INBOX, mailbox(3, "a")),
        False,
        [("a", NEW, None)],
        id="made anew",
    ),
    pytest.param(
        interest(SourceKind.MAILBOXES, NAMES, "a"),
        state(INBOX, mailbox(2, "a/b")),
        state(INBOX),
        False,
        [("a", OLD, None)],
        id="the level above is affected though it never was a mailbox",
    ),
    pytest.param(
        interest(PERSONAL, frozenset({MailEvent.MAILBOX_METADATA_CHANGE})),
        state(INBOX, a=b"1", b=b"2", c=b"3"),
        state(INBOX, a=b"1", b=b"3", d=b"4"),
        False,
        [("INBOX", ("/private/b", "/private/c", "/private/d"))],
        id="annotations set, changed and removed",
    ),
]


@pytest.mark.parametrize(("wanted", "before", "now", "condstore", "expected"), TOLD)
def test_what_a_difference_tells(
    wanted: Interest, before: AccountState, now: AccountState, condstore: bool, expected: list[object]
) -> None:
    assert [told(each) for each in notices(wanted, before, now, selected=1, condstore=condstore)] == expected


@pytest.mark.parametrize("before", [state(INBOX, mailbox(2, "a")), state(INBOX)], ids=["in one look", "gone before"])
def test_uidvalidity_is_told_with_all_else(before: AccountState) -> None:
    """Of a mailbox that was made anew (RFC 5465 §5.1), whether or not it was seen to be gone in between."""
    (notice,) = notices(interest(PERSONAL, ALL), before, state(INBOX, mailbox(3, "a")), selected=1, condstore=False)
    assert isinstance(notice, StatusNotice)
    assert set(notice.items) == {StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY}


@pytest.mark.parametrize(
    ("kind", "names", "reaches"),
    [
        (PERSONAL, (), False),
        (SourceKind.INBOXES, (), False),
        (SourceKind.SUBSCRIBED, (), True),
        (SourceKind.MAILBOXES, ("a", "Shared/ann@a.test/Work"), True),
        (SourceKind.SUBTREE, ("Shared",), True),
        (SourceKind.SUBTREE, ("Sharedness", "a/Shared"), False),
    ],
)
def test_mailboxes_of_others_are_looked_at_only_if_they_may_be_meant(
    kind: SourceKind, names: tuple[str, ...], reaches: bool
) -> None:
    assert interest(kind, COUNTS, *names).of_others == reaches


def test_what_others_share_is_not_personal() -> None:
    for name, wanted in (("Work", COUNTS), ("Shared/Recipes", COUNTS), ("Shared/ann@a.test/Work", frozenset())):
        assert interest(PERSONAL, COUNTS).of(name, subscribed=True) == wanted


def test_what_the_client_itself_brings_is_known() -> None:
    """Unless others came between: then what there is now is told."""
    known = state(INBOX, mailbox(2, "a", uidnext=5, messages=4, modseq=9))
    known.filled(2, [5, 6], unseen=2)
    assert known.mailboxes[2] == mailbox(2, "a", uidnext=7, messages=6, modseq=10, unseen=2)
    known.filled(2, [8])
    assert known.mailboxes[2].uidnext == 7
    known.filled(3, [1])
    AccountState().filled(2, [1])


# ---- over the wire


class Listener:
    """A connection that is logged in and hears lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def line(self) -> str:
        async with asyncio.timeout(10):
            return (await self._reader.readline()).decode().removesuffix("\r\n")

    async def until(self, beginning: str) -> str:
        while not (line := await self.line()).startswith(beginning):
            assert line, "the connection has ended"
        return line

    async def command(self, line: str) -> str:
        self._writer.write(f"t {line}\r\n".encode())
        return await self.until("t ")


@asynccontextmanager
async def listening(server: Replica, person: Person) -> AsyncIterator[Listener]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    listener = Listener(reader, writer)
    try:
        assert "OK" in await listener.command(f"LOGIN {person.address} {PASSWORD}")
        yield listener
    finally:
        writer.close()


async def test_what_happens_on_another_replica_is_told_at_once(alice: Person, replica: StartReplica, nats: NatsServer) -> None:
    """The periodic look is ten minutes away: it is events that tell."""
    seldom = {"imap_catch_up_seconds": 600, "nats_url": nats.url, "imap_notify_seconds": 0}
    async with (
        replica(**seldom) as one,
        replica(**seldom) as two,
        listening(one, alice) as ann,
        listening(two, alice) as bob,
    ):
        assert "OK" in await ann.command("SELECT INBOX")
        answer = await ann.command(
            "NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange)) "
            "(personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
        )
        assert answer == "t OK that is told"
        assert "OK" in await bob.command("CREATE Work")
        assert await ann.line() == '* LIST (\\HasNoChildren) "/" Work'
        assert (await ann.line()).startswith("* STATUS Work (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ")
        assert "OK" in await bob.command("SUBSCRIBE Work")
        assert await ann.line() == '* LIST (\\HasNoChildren \\Subscribed) "/" Work'
        assert "OK" in await bob.command("APPEND Work {14+}\r\nSubject: 1\r\n\r\n")
        assert await ann.line() == "* STATUS Work (MESSAGES 1 UIDNEXT 2 UNSEEN 1)"
        assert "OK" in await bob.command("APPEND INBOX {14+}\r\nSubject: 1\r\n\r\n")
        assert await ann.line() == "* 1 EXISTS"
        assert await ann.line() == "* 1 FETCH (UID 1)"
        assert "OK" in await bob.command("SELECT INBOX")
        assert "OK" in await bob.command("STORE 1 +FLAGS (\\Deleted)")
        assert await ann.line() == "* 1 FETCH (UID 1 FLAGS (\\Deleted))"
        assert "OK" in await bob.command("EXPUNGE")
        assert await ann.line() == "* 1 EXPUNGE"
        assert "OK" in await bob.command("RENAME Work Play")
        assert await ann.line() == '* LIST (\\HasNoChildren) "/" Play ("OLDNAME" (Work))'


async def test_what_events_have_missed_is_told_by_the_next_look(alice: Person, replica: StartReplica) -> None:
    """There is no NATS at all (promise D2)."""
    async with (
        replica(imap_catch_up_seconds=0.1) as one,
        replica() as two,
        listening(one, alice) as ann,
        listening(two, alice) as bob,
    ):
        assert "OK" in await ann.command("NOTIFY SET (personal (MailboxName MessageNew MessageExpunge SubscriptionChange))")
        for command, line in (
            ("CREATE Work", '* LIST (\\HasNoChildren) "/" Work'),
            ("SUBSCRIBE Work", '* LIST (\\HasNoChildren \\Subscribed) "/" Work'),
            ("APPEND Work {14+}\r\nSubject: 1\r\n\r\n", "* STATUS Work (MESSAGES 1 UIDNEXT 2)"),
        ):
            assert "OK" in await bob.command(command)
            assert await ann.line() == line


async def test_too_many_mailboxes(alice: Person, replica: StartReplica) -> None:
    """RFC 5465 §3.1, and §5.8 for what comes later."""
    async with (
        replica(imap_notify_mailboxes=7, imap_catch_up_seconds=0.1) as server,
        listening(server, alice) as ann,
        listening(server, alice) as bob,
    ):
        # An account begins with six.
        assert "OK" in await ann.command("SELECT INBOX")
        assert "OK" in await ann.command("NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MailboxName))")
        assert "OK" in await bob.command("CREATE seven")
        assert await ann.line() == '* LIST (\\HasNoChildren) "/" seven'
        assert "OK" in await bob.command("CREATE eight")
        assert await ann.line() == "* OK [NOTIFICATIONOVERFLOW] too much happens, nothing is told any more"
        assert server.counted("mailstead_imap_notify_overflows_total") == 1
        # as after NOTIFY NONE
        assert "OK" in await bob.command("APPEND INBOX {14+}\r\nSubject: 1\r\n\r\n")
        assert await ann.command("NOOP") == "t OK done"
        assert (await ann.command("NOTIFY SET (personal (MailboxName))")).startswith("t NO [NOTIFICATIONOVERFLOW] ")
        # what concerns no other mailbox is not too much
        assert await ann.command("NOTIFY SET (selected (MessageNew MessageExpunge))") == "t OK that is told"


async def test_too_many_new_messages(alice: Person, replica: StartReplica) -> None:
    async with replica(imap_notify_messages=2, imap_catch_up_seconds=0.1) as server, listening(server, alice) as ann:
        assert "OK" in await ann.command("SELECT INBOX")
        assert "OK" in await ann.command("NOTIFY SET (selected (MessageNew (UID) MessageExpunge))")
        async with listening(server, alice) as bob:
            both = "APPEND INBOX {14+}\r\nSubject: 1\r\n\r\n {14+}\r\nSubject: 2\r\n\r\n"
            assert "OK" in await bob.command(both)
            assert [await ann.line() for _ in range(3)] == ["* 2 EXISTS", "* 1 FETCH (UID 1)", "* 2 FETCH (UID 2)"]
            assert "OK" in await bob.command(both + " {14+}\r\nSubject: 3\r\n\r\n")
            assert await ann.line() == "* 5 EXISTS"
            assert await ann.line() == "* OK [NOTIFICATIONOVERFLOW] too much happens, nothing is told any more"


async def test_a_busy_account_is_read_now_and_then(
    alice: Person, replica: StartReplica, monkeypatch: pytest.MonkeyPatch, nats: NatsServer
) -> None:
    """However many events come: what is told in the end is the last state."""
    reads = 0

    class Counting(Mailboxes):
        async def list(self, account_id: int) -> list[Mailbox]:
            nonlocal reads
            reads += 1
            return await super().list(account_id)

    monkeypatch.setattr("imap.app.Mailboxes", Counting)
    settings = {"imap_catch_up_seconds": 600, "nats_url": nats.url, "imap_notify_seconds": 1}
    async with replica(**settings) as server, listening(server, alice) as ann, listening(server, alice) as bob:
        assert "OK" in await ann.command("NOTIFY SET (mailboxes Archive (MessageNew MessageExpunge))")
        started = time.monotonic()
        for _ in range(30):
            assert "OK" in await bob.command("APPEND Archive {14+}\r\nSubject: 1\r\n\r\n")
        assert await ann.until("* STATUS Archive (MESSAGES 30") == "* STATUS Archive (MESSAGES 30 UIDNEXT 31)"
        assert reads <= 4 + time.monotonic() - started
