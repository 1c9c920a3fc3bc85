"""Several sessions of one mailbox on two replicas, each doing whatever it likes: what they are told always adds up.

A session believes its server word for word: its list of messages is made from EXISTS, EXPUNGE, VANISHED and FETCH alone. In the
end all lists must be the table's, and the flags of each message what the acknowledged changes make of it in the order of their
modseqs.
"""

import asyncio
import random
import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from unit.imap.serving import Client, House, Person, StartReplica, connected

SESSIONS = 6
STEPS = 40  # of each session
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "$Label", "Work")
NOTIFY = b"NOTIFY SET (selected-delayed (MessageNew (UID FLAGS MODSEQ) MessageExpunge FlagChange))"
MESSAGE = b"APPEND INBOX (%b) {14+}\r\nSubject: x\r\n\r\n"

_TAGGED = re.compile(rb"t\d+ ")
_FETCH = re.compile(rb"\* (\d+) FETCH \((.*)")
_UID = re.compile(rb"\bUID (\d+)")
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_MODSEQ = re.compile(rb"\bMODSEQ \((\d+)\)")


@dataclass(slots=True)
class Known:
    """One message as its session was told of it."""

    uid: int | None = None
    flags: frozenset[str] = frozenset()
    modseq: int = 0


@dataclass(frozen=True)
class Change:
    """An acknowledged change of one message's flags. `sign`: + adds, - removes, anything else replaces."""

    modseq: int
    sign: str
    flags: frozenset[str]

    def of(self, before: frozenset[str]) -> frozenset[str]:
        return before | self.flags if self.sign == "+" else before - self.flags if self.sign == "-" else self.flags


@dataclass
class History:
    """What all sessions have done, as it was acknowledged."""

    changes: dict[int, list[Change]] = field(default_factory=lambda: defaultdict(list))
    appended: dict[int, frozenset[str]] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)


class Believer:
    """A session and its list."""

    def __init__(self, client: Client, dice: random.Random, history: History, *, resyncs: bool, notified: bool) -> None:
        self._client = client
        self._dice = dice
        self._history = history
        self._resyncs = resyncs
        self._notified = notified  # hears of changes between commands too (RFC 5465)
        self.messages: list[Known] = []
        self._silent: Change | None = None  # what a STORE in flight does without telling

    async def begin(self) -> None:
        await self._client.command(b"ENABLE " + (b"QRESYNC" if self._resyncs else b"CONDSTORE"))
        await self.command(b"SELECT INBOX")
        if self._notified:
            answer, _ = await self.command(NOTIFY)
            assert b" OK " in answer, answer

    async def command(self, command: bytes, *, by_number: bool = False) -> tuple[bytes, list[Known]]:
        """(the tagged answer, the messages as FETCH told of them, in order)."""
        lines = (await self._client.command(command)).split(b"\r\n")
        told = [known for line in lines if (known := self._hear(line, by_number=by_number)) is not None]
        return next(line for line in lines if _TAGGED.match(line)), told

    def _hear(self, line: bytes, *, by_number: bool) -> Known | None:
        if found := re.fullmatch(rb"\* (\d+) EXISTS", line):
            count = int(found[1])
            assert count >= len(self.messages), "EXISTS never takes messages away (RFC 9051 §7.4.1)"
            self.messages += [Known() for _ in range(count - len(self.messages))]
        elif found := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
            assert not by_number and not self._resyncs, line
            del self.messages[int(found[1]) - 1]
        elif found := re.fullmatch(rb"\* VANISHED ([\d:,]+)", line):
            assert not by_number and self._resyncs, line
            for uid in _members(found[1].decode()):
                del self.messages[self._place(uid)]
        elif found := _FETCH.match(line):
            return self._learn(int(found[1]), found[2])
        return None

    def _place(self, uid: int) -> int:
        """Of a message that has vanished; if its UID was never told, of one without between its neighbours."""
        for place, known in enumerate(self.messages):
            if known.uid == uid:
                return place
        before = sum(known.uid is not None and known.uid < uid for known in self.messages)
        at = 0 if not before else 1 + max(n for n, k in enumerate(self.messages) if k.uid is not None and k.uid < uid)
        assert self.messages[at].uid is None, f"UID {uid} vanished and was never there"
        return at

    def _learn(self, number: int, said: bytes) -> Known:
        known = self.messages[number - 1]
        if found := _UID.search(said):
            assert known.uid in (None, int(found[1])), f"message {number} is UID {known.uid}, and now {found[1]!r}"
            known.uid = int(found[1])
        if found := _MODSEQ.search(said):
            assert known.modseq <= int(found[1]), f"the modseq of UID {known.uid} went back"
            known.modseq = int(found[1])
        if found := _FLAGS.search(said):
            known.flags = frozenset(found[1].decode().split())
        elif self._silent is not None:
            known.flags = self._silent.of(known.flags)
        return Known(known.uid, known.flags, known.modseq)

    async def complete(self) -> None:
        """Ask for what EXISTS has only counted. Messages may be gone before they are seen."""
        while any(known.uid is None for known in self.messages):
            first = next(n for n, known in enumerate(self.messages, 1) if known.uid is None)
            answer, _ = await self.command(b"FETCH %d:* (UID FLAGS MODSEQ)" % first, by_number=True)
            if b"EXPUNGEISSUED" in answer:
                await self.command(b"NOOP")

    async def step(self) -> None:
        dice = self._dice
        # What others did to a message may be told before the answer to a STORE of it, and nothing says which is which: who is
        # notified changes no flags.
        flagging = 0 if self._notified else 1
        await dice.choices(
            (self._append, self._store, self._expunge, self._copy, self._move, self._noop, self._fetch, self._read),
            (4, 6 * flagging, 2, 1, 1, 1, 2, 2 * flagging),
        )[0]()
        await self.complete()
        uids = [known.uid for known in self.messages]
        assert uids == sorted(set(uids), key=lambda uid: uid or 0), "UIDs ascend (RFC 9051 §2.3.1.1)"

    def _some(self) -> tuple[bytes, list[Known]]:
        """A run of sequence numbers, and which messages they are."""
        first = self._dice.randrange(len(self.messages))
        last = min(len(self.messages), first + self._dice.randrange(1, 6))
        return b"%d:%d" % (first + 1, last), self.messages[first:last]

    def _flags(self) -> frozenset[str]:
        return frozenset(self._dice.sample(FLAGS, self._dice.randrange(3)))

    async def _append(self) -> None:
        flags = self._flags()
        answer, _ = await self.command(MESSAGE % " ".join(sorted(flags)).encode())
        found = re.search(rb"APPENDUID \d+ (\d+)", answer)
        assert found, answer
        assert int(found[1]) not in self._history.appended, "no UID is given twice"
        self._history.appended[int(found[1])] = flags

    async def _store(self) -> None:
        if not self.messages:
            return
        numbers, addressed = self._some()
        uids = [known.uid for known in addressed]
        sign, silent, flags = self._dice.choice(("+", "-", "")), self._dice.choice((b"", b".SILENT")), self._flags()
        listed = " ".join(sorted(flags)).encode()
        self._silent = Change(0, sign, flags) if silent else None
        answer, told = await self.command(b"STORE %b %bFLAGS%b (%b)" % (numbers, sign.encode(), silent, listed), by_number=True)
        self._silent = None
        assert b" OK " in answer or b"EXPUNGEISSUED" in answer, answer
        # Its own answer comes first; what others did to the same messages follows.
        heard: set[int] = set()
        for known in told:
            if known.uid in uids and known.uid is not None and known.uid not in heard:
                heard.add(known.uid)
                self._history.changes[known.uid].append(Change(known.modseq, sign, flags))

    async def _expunge(self) -> None:
        if self.messages and self._dice.random() < 0.5:
            uids = [known.uid or 0 for known in self._some()[1]]
            await self.command(b"UID EXPUNGE %d:%d" % (uids[0], uids[-1]))
        else:
            await self.command(b"EXPUNGE")

    async def _copy(self) -> None:
        if self.messages:
            await self.command(b"COPY %b INBOX" % self._some()[0])

    async def _move(self) -> None:
        if not self.messages:
            return
        lines = await self._moving(self._some()[0])
        if lines:
            self._history.moved.update(_members(lines.decode()))

    async def _moving(self, numbers: bytes) -> bytes:
        """The source UIDs of COPYUID."""
        said = await self._client.command(b"MOVE %b Archive" % numbers)
        for line in said.split(b"\r\n"):
            self._hear(line, by_number=False)
        found = re.search(rb"COPYUID \d+ ([\d:,]+) ", said)
        return found[1] if found else b""

    async def _noop(self) -> None:
        await self.command(b"NOOP")

    async def _fetch(self) -> None:
        if self.messages:
            numbers, addressed = self._some()
            uids = [known.uid for known in addressed]
            _, told = await self.command(b"FETCH %b (UID FLAGS MODSEQ)" % numbers, by_number=True)
            assert {known.uid for known in told[: len(uids)]} <= {known.uid for known in self.messages}

    async def _read(self) -> None:
        r"""Which sets \Seen (RFC 9051 §6.4.5)."""
        if not self.messages:
            return
        numbers, addressed = self._some()
        before = {known.uid for known in addressed}
        _, told = await self.command(b"FETCH %b (UID MODSEQ BODY[TEXT])" % numbers, by_number=True)
        heard: set[int] = set()
        for known in told:
            if known.uid in before and known.uid is not None and known.uid not in heard:
                heard.add(known.uid)
                self._history.changes[known.uid].append(Change(known.modseq, "+", frozenset({"\\Seen"})))


def _members(ranges: str) -> Iterable[int]:
    for part in ranges.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("seed", range(4))
async def test_what_sessions_are_told_adds_up(seed: int, house: House, alice: Person, replica: StartReplica) -> None:
    history = History()
    await house.fill(alice, [b"Subject: x\r\n\r\n"] * 5)
    history.appended |= dict.fromkeys(range(1, 6), frozenset())
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(replica(imap_catch_up_seconds=0.2)) for _ in range(2)]
        believers = []
        for n in range(SESSIONS):
            client = await stack.enter_async_context(connected(servers[n % 2], alice))
            dice = random.Random(f"{seed} {n}")
            believers.append(Believer(client, dice, history, resyncs=n % 3 == 0, notified=n % 4 == 3))

        async def live(believer: Believer) -> None:
            await believer.begin()
            await believer.complete()
            for _ in range(STEPS):
                await believer.step()

        await asyncio.gather(*map(live, believers))
        for believer in believers:
            await believer.command(b"NOOP")
            await believer.complete()
        await _compare(house, alice, believers, history)


async def _compare(house: House, alice: Person, believers: list[Believer], history: History) -> None:
    opened = await Mailboxes(house.owner, lambda _: None).open(alice.account_id, "INBOX")
    mailbox = opened.mailbox
    rows = await Messages(house.owner, lambda _: None).flags(alice.account_id, mailbox.mailbox_id, opened.uids)
    truth = [(row.uid, frozenset(row.flags.names()), row.modseq) for row in rows]
    for believer in believers:
        assert [(known.uid, known.flags, known.modseq) for known in believer.messages] == truth
    assert all(modseq <= mailbox.highest_modseq for _, _, modseq in truth)
    there = {uid: flags for uid, flags, _ in truth}
    for uid, first in history.appended.items():
        flags, deleted = first, "\\Deleted" in first
        for change in sorted(history.changes[uid], key=lambda change: change.modseq):
            flags = change.of(flags)
            deleted = deleted or "\\Deleted" in flags
        if uid in there:
            assert there[uid] == flags, (uid, history.changes[uid])
        else:
            assert uid in history.moved or deleted, f"UID {uid} is gone and nobody has taken it away"
