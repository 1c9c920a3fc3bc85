"""What a client can ask, one frozen value for each command. Mailbox names are decoded, sets are as written."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from imap.grammar.events import EventGroup
from imap.grammar.fetch import FetchItem
from imap.grammar.ranges import PartialRange
from imap.grammar.search import Key
from imap.grammar.sources import Source
from mailstead.model.flags import FlagChange, Flags
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.query import Order


class StatusItem(Enum):
    """RFC 9051 §6.3.11, RFC 7162 §3.1.7, RFC 7889 §3.1, RFC 8474 §4.3; RECENT of RFC 3501."""

    MESSAGES = "MESSAGES"
    RECENT = "RECENT"
    UIDNEXT = "UIDNEXT"
    UIDVALIDITY = "UIDVALIDITY"
    UNSEEN = "UNSEEN"
    DELETED = "DELETED"
    SIZE = "SIZE"
    HIGHESTMODSEQ = "HIGHESTMODSEQ"
    APPENDLIMIT = "APPENDLIMIT"
    MAILBOXID = "MAILBOXID"


class SearchReturn(Enum):
    """RFC 4731 §3.1; SAVE is RFC 5182 §2."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"


class ThreadAlgorithm(Enum):
    """RFC 5256 §3."""

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"


@dataclass(frozen=True, slots=True)
class Capability:
    pass


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Logout:
    pass


@dataclass(frozen=True, slots=True)
class Id:
    """RFC 2971; names in lower case."""

    parameters: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class StartTls:
    pass


@dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """`initial` is base64 as it came (RFC 4959)."""

    mechanism: str
    initial: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enable:
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    pass


@dataclass(frozen=True, slots=True)
class List:
    """LIST with the options of RFC 5258, RFC 6154 and RFC 5819. `extended` when any of the new syntax was used."""

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[StatusItem, ...] = ()
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Lsub:
    reference: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class Create:
    """A trailing separator, which RFC 9051 §6.3.4 allows, is gone. `special_uses` are asked for (RFC 6154 §3)."""

    mailbox: str
    special_uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class KnownState:
    """What a client knows of a mailbox from before (RFC 7162 §3.2.5); `uids` None: all that it could know."""

    uidvalidity: int
    modseq: int
    uids: SequenceSet | None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, or EXAMINE when `read_only`; `known` is QRESYNC."""

    mailbox: str
    read_only: bool
    condstore: bool = False
    known: KnownState | None = None


@dataclass(frozen=True, slots=True)
class Unselect:
    pass


@dataclass(frozen=True, slots=True)
class Close:
    pass


@dataclass(frozen=True, slots=True)
class Check:
    pass


@dataclass(frozen=True, slots=True)
class Fetch:
    """`changed_since` and `vanished` are RFC 7162 §3.1.4.1 and §3.2.6, `partial` is RFC 9394 §3.2."""

    targets: SequenceSet
    by_uid: bool
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: PartialRange | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """`unchanged_since` is RFC 7162 §3.1.3."""

    targets: SequenceSet
    by_uid: bool
    change: FlagChange
    flags: Flags
    silent: bool
    unchanged_since: int | None


@dataclass(frozen=True, slots=True)
class Copy:
    targets: SequenceSet
    by_uid: bool
    mailbox: str


@dataclass(frozen=True, slots=True)
class Move:
    targets: SequenceSet
    by_uid: bool
    mailbox: str


@dataclass(frozen=True, slots=True)
class Expunge:
    """EXPUNGE, or UID EXPUNGE (RFC 4315 §2.1) with its UIDs."""

    uids: SequenceSet | None


@dataclass(frozen=True, slots=True)
class Search:
    """`returns` is None for the old form; RETURN () asks for ALL (RFC 4731 §3.1). `partial` is RFC 9394 §3.1."""

    key: Key
    by_uid: bool
    returns: frozenset[SearchReturn] | None
    partial: PartialRange | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """RFC 5256 §3; `returns` as in Search (RFC 5267 §3)."""

    order: tuple[Order, ...]
    key: Key
    by_uid: bool
    returns: frozenset[SearchReturn] | None = None
    partial: PartialRange | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    algorithm: ThreadAlgorithm
    key: Key
    by_uid: bool


@dataclass(frozen=True, slots=True)
class MultiSearch:
    """The command ESEARCH (RFC 7377)."""

    sources: tuple[Source, ...]
    key: Key
    returns: frozenset[SearchReturn]
    partial: PartialRange | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """RFC 5465 §3.1; no `groups`: NONE. `unsupported`: it asks for events that are not in MailEvent."""

    groups: tuple[EventGroup, ...] = ()
    status: bool = False
    unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    """What stands before a message; several of them for one mailbox are one command (RFC 3502)."""

    mailbox: str
    flags: Flags
    internal_date: datetime | None
    in_utf8: bool = False  # the literal stands in `UTF8 (…)`


@dataclass(frozen=True, slots=True)
class Replace:
    """A message, and which one it takes the place of (RFC 8508 §3)."""

    number: int
    by_uid: bool
    append: Append


@dataclass(frozen=True, slots=True)
class GetQuota:
    """RFC 9208 §4.1.1."""

    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    """RFC 9208 §4.1.2."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """RFC 5464 §4.2. `mailbox` empty: the account itself. `depth` None: infinity; `max_size` in octets."""

    mailbox: str
    entries: tuple[str, ...]
    depth: int | None = 0
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """RFC 5464 §4.3; a value of None removes the entry."""

    mailbox: str
    entries: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class SetAcl:
    """RFC 4314 §3.1. `rights` as written, with + or - before them or not."""

    mailbox: str
    identifier: str
    rights: str


@dataclass(frozen=True, slots=True)
class DeleteAcl:
    """RFC 4314 §3.2."""

    mailbox: str
    identifier: str


@dataclass(frozen=True, slots=True)
class GetAcl:
    """RFC 4314 §3.3."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class ListRights:
    """RFC 4314 §3.4."""

    mailbox: str
    identifier: str


@dataclass(frozen=True, slots=True)
class MyRights:
    """RFC 4314 §3.5."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Compress:
    """RFC 4978; the mechanism in upper case."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class Idle:
    pass


Request = (
    Append
    | Authenticate
    | Capability
    | Check
    | Close
    | Compress
    | Copy
    | Create
    | Delete
    | DeleteAcl
    | Enable
    | Expunge
    | Fetch
    | GetAcl
    | GetMetadata
    | GetQuota
    | GetQuotaRoot
    | Id
    | Idle
    | List
    | ListRights
    | Login
    | Logout
    | Lsub
    | Move
    | MultiSearch
    | MyRights
    | Namespace
    | Noop
    | Notify
    | Rename
    | Replace
    | Search
    | Select
    | Sort
    | StartTls
    | SetAcl
    | SetMetadata
    | Status
    | Store
    | Subscribe
    | Thread
    | Unselect
    | Unsubscribe
)
