"""Bringing a client that was away up to date (RFC 7162 §3.2.5): what changed, and what is gone. Pure.

Tombstones tell exactly what is gone, back to a floor. Who was away longer is told of every UID that is not there: the same
answer, said with more words (RFC 7162 §3.2.5.1).
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from imap.dialect import Dialect
from imap.grammar.requests import KnownState
from imap.response import flags_line, vanished
from imap.view import View
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.changes import Delta

EVERYTHING = SequenceSet(((1, 0),))  # 1:*


def catch_up_lines(delta: Delta, view: View, known: KnownState, dialect: Dialect) -> Iterator[bytes]:
    """Behind the other answers to SELECT: first what is gone, then the flags of what changed, of the known UIDs only."""
    asked = known.uids or EVERYTHING
    yield vanished_since(delta, view, asked)
    rows = {row.uid: row for row in delta.changed}
    within = asked.resolve(max(view.uidnext - 1, 1))
    for uid in within.select(list(rows)):
        number, row = view.number_of(uid), rows[uid]
        if number is not None:
            yield flags_line(number, row, dialect, uid=True)


def vanished_since(delta: Delta, view: View, asked: SequenceSet) -> bytes:
    """`VANISHED (EARLIER)` for those of `asked` that are gone; nothing when none is."""
    within = asked.resolve(max(view.uidnext - 1, 1))
    if delta.complete:
        gone = [uid for uid in within.select(delta.vanished) if view.number_of(uid) is None]
        return vanished(gone, earlier=True) if gone else b""
    missing = absent(within, view.uids, view.uidnext)
    return vanished(missing, earlier=True) if missing.ranges else b""


def absent(within: SequenceSet, uids: "array[int]", uidnext: int) -> SequenceSet:
    """The UIDs of a resolved set, below `uidnext`, that are not among the ascending `uids`."""
    ranges: list[tuple[int, int]] = []
    for first, last in within.ranges:
        at, last = first, min(last, uidnext - 1)
        for index in range(bisect_left(uids, first), bisect_right(uids, last)):
            if at < uids[index]:
                ranges.append((at, uids[index] - 1))
            at = uids[index] + 1
        if at <= last:
            ranges.append((at, last))
    return SequenceSet(tuple(ranges))
