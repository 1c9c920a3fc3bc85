"""A session's sequence numbers: which message its client calls 1, 2, 3 (RFC 9051 §2.3.1.2, §7.5.1).

Invariants: `uids` ascends without repeats and is exactly what the client was told; it shrinks only where EXPUNGE (or its like) is
sent, and grows only where EXISTS is sent. `modseq` and `uidnext` say up to where the store's delta has been taken in. A message
that vanished while EXPUNGE could not be sent stays in `uids`, and waits in `withheld`.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mailstead.model.sequence_set import STAR, SequenceSet
from mailstead.store.changes import Delta
from mailstead.store.flag_changes import FlagRow


@dataclass(frozen=True, slots=True)
class Expunged:
    """Untagged EXPUNGE, in the order in which they are to be sent: each number counts after the ones before are gone.

    `uids` are those of the same messages, for clients that want VANISHED.
    """

    numbers: tuple[int, ...]
    uids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """Untagged EXISTS."""

    messages: int


@dataclass(frozen=True, slots=True)
class FlagsChanged:
    """Untagged FETCH with the flags of messages, as (sequence number, row)."""

    rows: tuple[tuple[int, FlagRow], ...]


Untagged = Expunged | Exists | FlagsChanged


class NoSuchNumber(Exception):
    """A client spoke of a sequence number that it was never told."""


class View:
    """Four octets for each message, and little more."""

    __slots__ = ("modseq", "uidnext", "uids", "withheld")

    def __init__(self, uids: "array[int]", modseq: int, uidnext: int) -> None:
        self.uids = uids
        self.modseq = modseq
        self.uidnext = uidnext
        self.withheld: set[int] = set()

    def __len__(self) -> int:
        return len(self.uids)

    def number_of(self, uid: int) -> int | None:
        """The sequence number of a UID, None when the client does not know the message."""
        index = bisect_left(self.uids, uid)
        return index + 1 if index < len(self.uids) and self.uids[index] == uid else None

    def spans(self, targets: SequenceSet, by_uid: bool) -> list[range]:
        """Which indexes of `uids` are addressed, ascending. UIDs that are not there are passed over (RFC 9051 §6.4.9).

        Raises NoSuchNumber for a sequence number beyond the last; but beside a `*` it is let pass, since clients ask for `1:*`
        of an empty mailbox, and for `n:*` where they have n - 1.
        """
        count = len(self.uids)
        if by_uid:
            resolved = targets.resolve(self.uids[-1] if count else 0)
            found = [range(bisect_left(self.uids, a), bisect_right(self.uids, b)) for a, b in resolved.ranges]
        else:
            if any(STAR not in pair and max(pair) > count for pair in targets.ranges):
                raise NoSuchNumber
            found = [range(max(a, 1) - 1, min(b, count)) for a, b in targets.resolve(count).ranges]
        return [span for span in found if span]

    def pages(self, spans: Sequence[range], size: int) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """(sequence numbers, UIDs) of addressed messages, ascending, at most `size` at a time."""
        numbers: list[int] = []
        uids: list[int] = []
        for span in spans:
            at = span.start
            while at < span.stop:
                stop = min(span.stop, at + size - len(uids))
                numbers.extend(range(at + 1, stop + 1))
                uids.extend(self.uids[at:stop])
                at = stop
                if len(uids) == size:
                    yield numbers, uids
                    numbers, uids = [], []
        if uids:
            yield numbers, uids

    def known(self, uids: Sequence[int]) -> list[tuple[int, int]]:
        """(sequence number, UID) of those of ascending `uids` that the client knows."""
        if len(uids) == len(self.uids) and array("I", uids) == self.uids:
            return list(enumerate(uids, 1))
        return [(number, uid) for uid in uids if (number := self.number_of(uid)) is not None]

    def follows(self, modseq: int) -> bool:
        """Take in a change of our own that made `modseq`; False when others came between, so that a delta must be read."""
        if modseq == self.modseq + 1:
            self.modseq = modseq
        return modseq <= self.modseq

    def apply(self, delta: Delta, *, expunge: bool, told: Collection[int] = ()) -> list[Untagged]:
        """Take in what changed, and what to tell of it, in order. Without `expunge`, vanished messages are withheld.

        `told` are modseqs of the session's own flag changes, of which its client has heard already.
        """
        untagged: list[Untagged] = []
        self.withheld.update(uid for uid in delta.vanished if self.number_of(uid) is not None)
        arrived = [row.uid for row in delta.arrived]
        if expunge and self.withheld:
            untagged.append(self._remove())
        if arrived:
            self.uids.extend(arrived)
            # Only then: an EXISTS that merely repeats what EXPUNGE said sends some clients into a loop.
            untagged.append(Exists(len(self.uids)))
        changed = [(self.number_of(row.uid), row) for row in delta.changed if row.modseq not in told]
        rows = tuple((number, row) for number, row in changed if number is not None)
        if rows:
            untagged.append(FlagsChanged(rows))
        self.modseq = max(self.modseq, delta.highest_modseq)
        self.uidnext = max(self.uidnext, delta.uidnext)
        return untagged

    def release(self) -> Expunged | None:
        """What was withheld, now that EXPUNGE may be sent."""
        return self._remove() if self.withheld else None

    def _remove(self) -> Expunged:
        """Highest first, so that no number counts on the ones before: one message costs one bisection."""
        numbers = sorted((number for uid in self.withheld if (number := self.number_of(uid)) is not None), reverse=True)
        self.withheld.clear()
        gone_uids = tuple(self.uids[number - 1] for number in numbers)
        if len(numbers) == len(self.uids):
            self.uids = array("I")
        elif len(numbers) > 64:
            gone = {number - 1 for number in numbers}
            self.uids = array("I", [uid for index, uid in enumerate(self.uids) if index not in gone])
        else:
            for number in numbers:
                del self.uids[number - 1]
        return Expunged(tuple(numbers), gone_uids)
