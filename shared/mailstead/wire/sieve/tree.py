"""A compiled script: frozen values that hold nothing unchecked. Names follow the RFCs; strings are octets (`text.py`)."""

from dataclasses import dataclass
from enum import Enum

from mailstead.wire.sieve.errors import Position
from mailstead.wire.sieve.text import Text

Texts = tuple[Text, ...]


class MatchType(Enum):
    """RFC 5228 §2.7.1, RFC 5231 §4."""

    IS = "is"
    CONTAINS = "contains"
    MATCHES = "matches"
    VALUE = "value"
    COUNT = "count"


class Comparator(Enum):
    """RFC 4790 §9."""

    OCTET = "i;octet"
    CASEMAP = "i;ascii-casemap"
    NUMERIC = "i;ascii-numeric"


class Relation(Enum):
    """RFC 5231 §4."""

    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    EQ = "eq"
    NE = "ne"


class AddressPart(Enum):
    """RFC 5228 §2.7.4, RFC 5233 §4."""

    ALL = "all"
    LOCALPART = "localpart"
    DOMAIN = "domain"
    USER = "user"
    DETAIL = "detail"


@dataclass(frozen=True, slots=True)
class Matcher:
    """How values and keys are compared; `relation` with VALUE and COUNT only."""

    type: MatchType
    comparator: Comparator
    relation: Relation | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """Only the field of this number, from 1, counted from the last with `last` (RFC 5260 §6)."""

    number: int
    last: bool


# ---- tests


@dataclass(frozen=True, slots=True)
class Always:
    """`true` and `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    test: "Test"


@dataclass(frozen=True, slots=True)
class AllOf:
    tests: tuple["Test", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    tests: tuple["Test", ...]


@dataclass(frozen=True, slots=True)
class Exists:
    headers: Texts


@dataclass(frozen=True, slots=True)
class Size:
    """`over` or under so many octets."""

    over: bool
    limit: int


@dataclass(frozen=True, slots=True)
class Header:
    matcher: Matcher
    headers: Texts
    keys: Texts
    index: Index | None


@dataclass(frozen=True, slots=True)
class Address:
    matcher: Matcher
    part: AddressPart
    headers: Texts
    keys: Texts
    index: Index | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """`parts` become "from" or "to"."""

    matcher: Matcher
    part: AddressPart
    parts: Texts
    keys: Texts


class Transform(Enum):
    """RFC 5173 §5."""

    RAW = "raw"
    CONTENT = "content"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Body:
    """`types`: content types, with CONTENT only."""

    matcher: Matcher
    transform: Transform
    types: Texts
    keys: Texts


@dataclass(frozen=True, slots=True)
class String:
    """RFC 5229 §5."""

    matcher: Matcher
    source: Texts
    keys: Texts


@dataclass(frozen=True, slots=True)
class HasFlag:
    """`variables` are names in lower case; none: the internal variable (RFC 5232 §4)."""

    matcher: Matcher
    variables: tuple[str, ...]
    keys: Texts


class DatePart(Enum):
    """RFC 5260 §4.2."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    DATE = "date"
    JULIAN = "julian"
    HOUR = "hour"
    MINUTE = "minute"
    SECOND = "second"
    TIME = "time"
    ISO8601 = "iso8601"
    STD11 = "std11"
    ZONE = "zone"
    WEEKDAY = "weekday"


@dataclass(frozen=True, slots=True)
class Date:
    """`date` and `currentdate`, which has no `header`. `zone`: minutes east of UTC; None with `original` only."""

    matcher: Matcher
    header: Text | None
    part: DatePart
    keys: Texts
    zone: int | None
    index: Index | None


@dataclass(frozen=True, slots=True)
class MailboxExists:
    mailboxes: Texts


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Of `unique` where given, else of a header field. `seconds`: how long it is remembered (RFC 7352 §3)."""

    handle: Text | None
    header: Text
    unique: Text | None
    seconds: int | None
    last: bool


@dataclass(frozen=True, slots=True)
class Environment:
    """RFC 5183 §4."""

    matcher: Matcher
    name: Text
    keys: Texts


Test = (
    Always
    | Not
    | AllOf
    | AnyOf
    | Exists
    | Size
    | Header
    | Address
    | Envelope
    | Body
    | String
    | HasFlag
    | Date
    | MailboxExists
    | Duplicate
    | Environment
)


# ---- commands


@dataclass(frozen=True, slots=True)
class If:
    """The first branch whose test holds is taken, else `otherwise`."""

    branches: tuple[tuple[Test, "Commands"], ...]
    otherwise: "Commands"


@dataclass(frozen=True, slots=True)
class Stop:
    """RFC 5228 §3.3."""


@dataclass(frozen=True, slots=True)
class Keep:
    """`flags` None: those of the internal variable (RFC 5232 §3)."""

    flags: Texts | None


@dataclass(frozen=True, slots=True)
class FileInto:
    at: Position
    mailbox: Text
    flags: Texts | None
    copy: bool
    create: bool


@dataclass(frozen=True, slots=True)
class Redirect:
    at: Position
    address: Text
    copy: bool


@dataclass(frozen=True, slots=True)
class Discard:
    """RFC 5228 §4.4."""


@dataclass(frozen=True, slots=True)
class Reject:
    """`reject` and, with `protocol`, `ereject`, which rather loses its text than be sent as a message (RFC 5429 §2)."""

    at: Position
    reason: Text
    protocol: bool


@dataclass(frozen=True, slots=True)
class Vacation:
    """`seconds` between two answers to one sender; None: the usual time (RFC 5230 §4, RFC 6131)."""

    at: Position
    reason: Text
    seconds: int | None
    subject: Text | None
    sender: Text | None
    addresses: Texts
    mime: bool
    handle: Text | None


class FlagAction(Enum):
    """RFC 5232 §3."""

    SET = "setflag"
    ADD = "addflag"
    REMOVE = "removeflag"


@dataclass(frozen=True, slots=True)
class ChangeFlags:
    """Of `variable`, or of the internal one for None."""

    action: FlagAction
    variable: str | None
    flags: Texts


class Modifier(Enum):
    """RFC 5229 §4.1; the order in which they are applied."""

    LOWER = "lower"
    UPPER = "upper"
    LOWERFIRST = "lowerfirst"
    UPPERFIRST = "upperfirst"
    QUOTEWILDCARD = "quotewildcard"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Set:
    """`modifiers` stand in the order of their use."""

    name: str
    value: Text
    modifiers: tuple[Modifier, ...]


Command = If | Stop | Keep | FileInto | Redirect | Discard | Reject | Vacation | ChangeFlags | Set
Commands = tuple[Command, ...]
