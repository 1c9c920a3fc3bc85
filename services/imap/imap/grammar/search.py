"""Search keys as a tree; sequence sets are as written.

RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 5032 (WITHIN), RFC 7162 §3.1.5 (MODSEQ), RFC 8474 §5 (EMAILID), RFC 8514 §4 (SAVEDATE).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum

from imap.grammar.numbers import calendar_date, mod_sequence, number, nz_number, sees_sequence_set, sequence_set
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.strings import astring, atom, quoted, text_of, word
from mailstead.model.flags import SystemFlag
from mailstead.model.sequence_set import SequenceSet

MAX_DEPTH = 20  # of NOT, OR and parentheses inside one another
MAX_KEYS = 500  # in one search

_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")  # RFC 8474 §7 `objectid`


class Moment(Enum):
    """Which moment of a message a day is compared with; its time and zone are disregarded."""

    ARRIVED = "INTERNALDATE"
    SENT = "the Date field"
    SAVED = "SAVEDATE"


@dataclass(frozen=True, slots=True)
class Everything:
    pass


@dataclass(frozen=True, slots=True)
class Negated:
    key: "Key"


@dataclass(frozen=True, slots=True)
class Both:
    """All of them."""

    keys: tuple["Key", ...]


@dataclass(frozen=True, slots=True)
class Either:
    left: "Key"
    right: "Key"


@dataclass(frozen=True, slots=True)
class Numbers:
    numbers: SequenceSet


@dataclass(frozen=True, slots=True)
class UidsIn:
    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class Flagged:
    flag: SystemFlag


@dataclass(frozen=True, slots=True)
class Keyword:
    name: str


@dataclass(frozen=True, slots=True)
class Recent:
    r"""RECENT of RFC 3501; this server never says \Recent."""


@dataclass(frozen=True, slots=True)
class LargerThan:
    octets: int


@dataclass(frozen=True, slots=True)
class SmallerThan:
    octets: int


@dataclass(frozen=True, slots=True)
class DayBefore:
    day: date
    of: Moment


@dataclass(frozen=True, slots=True)
class DaySince:
    day: date
    of: Moment


@dataclass(frozen=True, slots=True)
class DayOn:
    day: date
    of: Moment


@dataclass(frozen=True, slots=True)
class YoungerThan:
    """INTERNALDATE is at most so many seconds ago (RFC 5032 §3)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class OlderThan:
    """INTERNALDATE is at least so many seconds ago."""

    seconds: int


@dataclass(frozen=True, slots=True)
class EmailId:
    """As FETCH EMAILID gives it."""

    object_id: str


@dataclass(frozen=True, slots=True)
class ThreadId:
    object_id: str


@dataclass(frozen=True, slots=True)
class InHeader:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class InBody:
    text: str


@dataclass(frozen=True, slots=True)
class Anywhere:
    text: str


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """MODSEQ: the message's is at least this."""

    modseq: int


Key = (
    Everything | Negated | Both | Either | Numbers | UidsIn | Flagged | Keyword | Recent | LargerThan | SmallerThan
    | DayBefore | DaySince | DayOn | YoungerThan | OlderThan | InHeader | InBody | Anywhere | ChangedSince | EmailId | ThreadId
)  # fmt: skip


def search_keys(scanner: Scanner) -> Key:
    """One or more keys up to the end of the command, all of which must match."""
    return _Parser(scanner).keys(depth=0, closing=False)


class _Parser:
    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._count = 0

    def keys(self, depth: int, *, closing: bool) -> Key:
        found = [self.key(depth)]
        while self._scanner.skips(b" "):
            if self._scanner.data[self._scanner.at : self._scanner.at + 1] in (b"", b"\r", b"\n"):
                break  # spaces before the line's end
            found.append(self.key(depth))
        if closing:
            self._scanner.expect(b")")
        return found[0] if len(found) == 1 else Both(tuple(found))

    def key(self, depth: int) -> Key:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_KEYS:
            raise BadSyntax("search is too deep or has too many keys")
        scanner = self._scanner
        if scanner.skips(b"("):
            return self.keys(depth + 1, closing=True)
        if sees_sequence_set(scanner):
            return Numbers(sequence_set(scanner))
        name = word(scanner)
        if name == "NOT":
            scanner.expect(b" ")
            return Negated(self.key(depth + 1))
        if name == "OR":
            scanner.expect(b" ")
            left = self.key(depth + 1)
            scanner.expect(b" ")
            return Either(left, self.key(depth + 1))
        if name in _PLAIN:
            return _PLAIN[name]
        if name not in _WITH_ARGUMENT:
            raise BadSyntax("unknown search key")
        scanner.expect(b" ")
        return _WITH_ARGUMENT[name](scanner)


def _text(scanner: Scanner) -> str:
    return text_of(astring(scanner))


def _header(scanner: Scanner) -> Key:
    name = _text(scanner)
    scanner.expect(b" ")
    return InHeader(name, _text(scanner))


def _keyword(scanner: Scanner) -> Keyword:
    return Keyword(atom(scanner).decode("ascii"))


def _modseq(scanner: Scanner) -> Key:
    """The name of a metadata item may stand before the value; all flags share one modseq here (RFC 7162 §3.1.5)."""
    if quoted(scanner) is not None:
        scanner.expect(b" ")
        if word(scanner) not in ("PRIV", "SHARED", "ALL"):
            raise BadSyntax("unknown entry type")
        scanner.expect(b" ")
    return ChangedSince(mod_sequence(scanner))


def _in_field(name: str) -> Callable[[Scanner], Key]:
    return lambda scanner: InHeader(name, _text(scanner))


def _on_day(make: type[DayBefore] | type[DaySince] | type[DayOn], of: Moment) -> Callable[[Scanner], Key]:
    return lambda scanner: make(calendar_date(scanner), of)


def _object_id(scanner: Scanner) -> str:
    return scanner.take(_OBJECT_ID, "an object id").decode("ascii")


_PLAIN: dict[str, Key] = {
    "ALL": Everything(),
    "NEW": Both((Recent(), Negated(Flagged(SystemFlag.SEEN)))),
    "OLD": Negated(Recent()),
    "RECENT": Recent(),
    "SAVEDATESUPPORTED": Everything(),  # RFC 8514 §4.3: of a mailbox that supports it, all messages
    **{flag.name: Flagged(flag) for flag in SystemFlag if flag.name},
    **{f"UN{flag.name}": Negated(Flagged(flag)) for flag in SystemFlag},
}
_WITH_ARGUMENT: dict[str, Callable[[Scanner], Key]] = {
    "BCC": _in_field("Bcc"),
    "BODY": lambda scanner: InBody(_text(scanner)),
    "CC": _in_field("Cc"),
    "EMAILID": lambda scanner: EmailId(_object_id(scanner)),
    "FROM": _in_field("From"),
    "HEADER": _header,
    "KEYWORD": _keyword,
    "LARGER": lambda scanner: LargerThan(number(scanner, 2**63 - 1)),
    "MODSEQ": _modseq,
    "OLDER": lambda scanner: OlderThan(nz_number(scanner)),
    "SMALLER": lambda scanner: SmallerThan(number(scanner, 2**63 - 1)),
    "SUBJECT": _in_field("Subject"),
    "TEXT": lambda scanner: Anywhere(_text(scanner)),
    "THREADID": lambda scanner: ThreadId(_object_id(scanner)),
    "TO": _in_field("To"),
    "UID": lambda scanner: UidsIn(sequence_set(scanner)),
    "UNKEYWORD": lambda scanner: Negated(_keyword(scanner)),
    "YOUNGER": lambda scanner: YoungerThan(nz_number(scanner)),
    **{
        f"{prefix}{name}": _on_day(make, of)
        for prefix, of in (("", Moment.ARRIVED), ("SENT", Moment.SENT), ("SAVED", Moment.SAVED))
        for name, make in (("BEFORE", DayBefore), ("ON", DayOn), ("SINCE", DaySince))
    },
}
