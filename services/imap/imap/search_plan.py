"""From search keys, which speak of a session's sequence numbers, to a query of the store, which speaks of UIDs."""

from datetime import date, timedelta

from imap.grammar import search as key
from imap.view import View
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.query import (
    All,
    And,
    Before,
    Body,
    HasFlag,
    HasKeyword,
    Header,
    Larger,
    ModseqAtLeast,
    Not,
    Or,
    Query,
    SentBefore,
    SentSince,
    Since,
    Smaller,
    Text,
    Uids,
)

_NOTHING = Not(All())


def plan(searched: key.Key, view: View) -> Query:
    """Raises NoSuchNumber, see `View.spans`."""
    match searched:
        case key.Everything():
            return All()
        case key.Negated(inner):
            return Not(plan(inner, view))
        case key.Both(keys):
            return And(tuple(plan(inner, view) for inner in keys))
        case key.Either(left, right):
            return Or(plan(left, view), plan(right, view))
        case key.Numbers(numbers):
            return _uids(numbers, view, by_uid=False)
        case key.UidsIn(uids):
            return _uids(uids, view, by_uid=True)
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
        case key.DayBefore(day, sent):
            return SentBefore(day) if sent else Before(day)
        case key.DaySince(day, sent):
            return SentSince(day) if sent else Since(day)
        case key.DayOn(day, sent):
            return _on(day, sent)
        case key.InHeader(name, text):
            return Header(name, text)
        case key.InBody(text):
            return Body(text)
        case key.Anywhere(text):
            return Text(text)
        case key.ChangedSince(modseq):
            return ModseqAtLeast(modseq)


def _on(day: date, sent: bool) -> Query:
    if day == date.max:
        return SentSince(day) if sent else Since(day)
    after = day + timedelta(days=1)
    return And((SentSince(day), SentBefore(after))) if sent else And((Since(day), Before(after)))


def _uids(numbers: SequenceSet, view: View, *, by_uid: bool) -> Query:
    """As UID ranges: between the first and the last of a run of numbers lie no other UIDs that the client knows."""
    spans = view.spans(numbers, by_uid)
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


def uses_modseq(searched: key.Key) -> bool:
    """Whether MODSEQ is among the keys: then the answer tells the highest modseq (RFC 7162 §3.1.5)."""
    match searched:
        case key.ChangedSince():
            return True
        case key.Negated(inner):
            return uses_modseq(inner)
        case key.Both(keys):
            return any(map(uses_modseq, keys))
        case key.Either(left, right):
            return uses_modseq(left) or uses_modseq(right)
        case _:
            return False
