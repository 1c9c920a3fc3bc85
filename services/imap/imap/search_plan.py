"""From search keys, which speak of a session's sequence numbers, to a query of the store, which speaks of UIDs."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from imap.grammar import search as key
from imap.grammar.numbers import SAVED
from imap.grammar.search import Moment
from imap.view import View
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.query import (
    All,
    And,
    Before,
    Body,
    EmailIs,
    HasFlag,
    HasKeyword,
    Header,
    Larger,
    ModseqAtLeast,
    Not,
    Or,
    Query,
    SavedBefore,
    SavedSince,
    SentBefore,
    SentSince,
    Since,
    Smaller,
    Text,
    ThreadIs,
    Uids,
    Younger,
)

_NOTHING = Not(All())
_BEFORE: dict[Moment, Callable[[date], Query]] = {Moment.ARRIVED: Before, Moment.SENT: SentBefore, Moment.SAVED: SavedBefore}
_SINCE: dict[Moment, Callable[[date], Query]] = {Moment.ARRIVED: Since, Moment.SENT: SentSince, Moment.SAVED: SavedSince}


@dataclass(frozen=True, slots=True)
class Scope:
    """What numbers in a search mean: those of `view`, and for `$` the UIDs that an earlier search has saved."""

    view: View
    saved: "array[int]" = field(default_factory=lambda: array("I"))

    def spans(self, numbers: SequenceSet, *, by_uid: bool) -> list[range]:
        """Indexes of the view. Raises NoSuchNumber, see `View.spans`."""
        if numbers == SAVED:
            return self.view.spans(SequenceSet.of(self.saved), by_uid=True)
        return self.view.spans(numbers, by_uid)


def plan(searched: key.Key, scope: Scope) -> Query:
    """Raises NoSuchNumber."""
    match searched:
        case key.Everything():
            return All()
        case key.Negated(inner):
            return Not(plan(inner, scope))
        case key.Both(keys):
            return And(tuple(plan(inner, scope) for inner in keys))
        case key.Either(left, right):
            return Or(plan(left, scope), plan(right, scope))
        case key.Numbers(numbers):
            return _uids(numbers, scope, by_uid=False)
        case key.UidsIn(uids):
            return _uids(uids, scope, by_uid=True)
        case key.Flagged(flag):
            return HasFlag(flag)
        case key.Keyword(name):
            return HasKeyword(name)
        case key.Recent():
            return _NOTHING
        case key.LargerThan(octets):
            return Larger(octets)
        case key.SmallerThan(octets):
            return Smaller(octets)
        case key.DayBefore(day, of):
            return _BEFORE[of](day)
        case key.DaySince(day, of):
            return _SINCE[of](day)
        case key.DayOn(day, of):
            return _on(day, of)
        case key.YoungerThan(seconds):
            return Younger(seconds)
        case key.OlderThan(seconds):
            return Not(Younger(seconds))
        case key.InHeader(name, text):
            return Header(name, text)
        case key.InBody(text):
            return Body(text)
        case key.Anywhere(text):
            return Text(text)
        case key.ChangedSince(modseq):
            return ModseqAtLeast(modseq)
        case key.EmailId(object_id):
            found = _uuid("M", object_id)
            return _NOTHING if found is None else EmailIs(found)
        case key.ThreadId(object_id):
            found = _uuid("T", object_id)
            return _NOTHING if found is None else ThreadIs(found)


def _on(day: date, of: Moment) -> Query:
    since = _SINCE[of](day)
    return since if day == date.max else And((since, _BEFORE[of](day + timedelta(days=1))))


def _uuid(letter: str, object_id: str) -> UUID | None:
    """From what FETCH says; None for what it never says."""
    if not object_id.startswith(letter):
        return None
    try:
        found = UUID(hex=object_id[1:])
    except ValueError:
        return None
    return found if found.hex == object_id[1:] else None


def _uids(numbers: SequenceSet, scope: Scope, *, by_uid: bool) -> Query:
    """As UID ranges: between the first and the last of a run of numbers lie no other UIDs that the client knows."""
    view, spans = scope.view, scope.spans(numbers, by_uid=by_uid)
    if sum(map(len, spans)) == len(view):
        return All()
    return Uids(SequenceSet(tuple((view.uids[span.start], view.uids[span.stop - 1]) for span in spans)))


def from_view(query: Query, view: View) -> list[int] | None:
    """The UIDs that match, ascending, when the view alone can tell; else None."""
    match query:
        case All():
            return list(view.uids)
        case Uids(uids):
            return list(uids.select(view.uids))
        case _:
            return None


def _leaves(searched: key.Key) -> Iterator[key.Key]:
    match searched:
        case key.Negated(inner):
            yield from _leaves(inner)
        case key.Both(keys):
            for inner in keys:
                yield from _leaves(inner)
        case key.Either(left, right):
            yield from _leaves(left)
            yield from _leaves(right)
        case _:
            yield searched


def uses_modseq(searched: key.Key) -> bool:
    """Whether MODSEQ is among the keys: then the answer tells the highest modseq (RFC 7162 §3.1.5)."""
    return any(isinstance(leaf, key.ChangedSince) for leaf in _leaves(searched))


def uses_numbers(searched: key.Key) -> bool:
    """Whether sequence numbers are among the keys."""
    return any(isinstance(leaf, key.Numbers) and leaf.numbers != SAVED for leaf in _leaves(searched))


def uses_saved(searched: key.Key) -> bool:
    """Whether `$` is among the keys."""
    return any(
        (isinstance(leaf, key.Numbers) and leaf.numbers == SAVED) or (isinstance(leaf, key.UidsIn) and leaf.uids == SAVED)
        for leaf in _leaves(searched)
    )
