"""What a search asks, as a tree of values; protocol packages build it, `search.py` answers it (RFC 9051 §6.4.4)."""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from uuid import UUID

from mailstead.model.flags import SystemFlag
from mailstead.model.sequence_set import SequenceSet


class SortKey(Enum):
    """What messages are sorted by (RFC 5256 §3, RFC 5957 §3)."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"
    FROM = "FROM"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"


@dataclass(frozen=True, slots=True)
class Order:
    """One criterion; messages that it does not tell apart are left to the next one, at last to their UIDs."""

    key: SortKey
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class Not:
    query: "Query"


@dataclass(frozen=True, slots=True)
class And:
    queries: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    left: "Query"
    right: "Query"


@dataclass(frozen=True, slots=True)
class Uids:
    """A resolved set: no `*` in it."""

    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class HasFlag:
    flag: SystemFlag


@dataclass(frozen=True, slots=True)
class HasKeyword:
    keyword: str


@dataclass(frozen=True, slots=True)
class Larger:
    octets: int


@dataclass(frozen=True, slots=True)
class Smaller:
    octets: int


@dataclass(frozen=True, slots=True)
class Before:
    """INTERNALDATE, its time and zone disregarded, is earlier."""

    day: date


@dataclass(frozen=True, slots=True)
class Since:
    """INTERNALDATE is that day or later. ON is Since(day) without Since(day + 1)."""

    day: date


@dataclass(frozen=True, slots=True)
class SentBefore:
    """The Date field, its time and zone disregarded, is earlier; a message without one never matches."""

    day: date


@dataclass(frozen=True, slots=True)
class SentSince:
    day: date


@dataclass(frozen=True, slots=True)
class Header:
    """A field of this name holds `text` in its decoded value; an empty text asks for the field's presence."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """The decoded text parts hold `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """The header section or the decoded text parts hold `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class ModseqAtLeast:
    """RFC 7162 §3.1.5."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Younger:
    """INTERNALDATE is at most so many seconds ago (RFC 5032 §3)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class SavedBefore:
    """The day on which the message came into the mailbox is earlier (RFC 8514 §4)."""

    day: date


@dataclass(frozen=True, slots=True)
class SavedSince:
    day: date


@dataclass(frozen=True, slots=True)
class EmailIs:
    """EMAILID (RFC 8474 §5.1)."""

    email_id: UUID


@dataclass(frozen=True, slots=True)
class ThreadIs:
    """THREADID (RFC 8474 §5.2)."""

    thread_id: UUID


TextQuery = Header | Body | Text
"""Leaves that need the message itself; substrings compare without regard to case."""

Query = (
    All | Not | And | Or | Uids | HasFlag | HasKeyword | Larger | Smaller | Before | Since | SentBefore | SentSince
    | Header | Body | Text | ModseqAtLeast | Younger | SavedBefore | SavedSince | EmailIs | ThreadIs
)  # fmt: skip
