"""What a service hands to the store to be kept: one acknowledged message, its local copies and what leaves for other hosts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from mailstead.events import Event
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import Flags
from mailstead.wire.message import Parsed

Announce = Callable[[Iterable[Event]], None]
"""Tells other replicas, after the commit (promise D6); `Bus.publish` is one."""

QUEUE_LIFETIME = timedelta(days=5)  # RFC 5321 §4.5.4.1: at least 4–5 days


class Notify(Enum):
    """When the sender wants to hear of a recipient (NOTIFY, RFC 3461 §4.1)."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """One message filed into one mailbox. `prefix` is whole header lines of ours, before the content (promise D4)."""

    account_id: int
    tenant_id: int
    mailbox: str
    prefix: bytes = b""
    flags: Flags = Flags()  # noqa: RUF009 - frozen
    received_at: datetime | None = None  # INTERNALDATE; None: now


@dataclass(frozen=True, slots=True)
class OutgoingRecipient:
    """A forward-path on another host, with its DSN parameters. An empty `notify` means that nothing was asked."""

    address: str
    notify: frozenset[Notify] = frozenset()
    original: str | None = None  # ORCPT, RFC 3461 §4.2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The same message for recipients on other hosts. An empty `sender` is the null reverse-path.

    `report_to` is told what becomes of it, where that is not the sender: of a forward, who wrote the message.
    """

    tenant_id: int
    account_id: int | None
    sender: str
    recipients: tuple[OutgoingRecipient, ...]
    prefix: bytes = b""
    not_before: datetime | None = None
    expires_after: timedelta = QUEUE_LIFETIME
    envelope_id: str | None = None  # ENVID, RFC 3461 §4.4
    return_full: bool = False  # RET=FULL, RFC 3461 §4.3
    report_to: str | None = None
    require_tls: bool = False  # RFC 8689


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that an account does once in so many seconds: it must be new for a delivery to be filed, and then is not.

    With `renew` it is known not to be new, and its time begins again.
    """

    account_id: int
    digest: bytes  # 32 octets
    seconds: int
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """All or nothing of it is kept. With `strict_quota` a copy that does not fit refuses the whole (APPEND asks for that).

    `companions` are what it gives rise to, such as the report to its sender, or an answer: all are filed, or none.
    """

    trace_id: str
    content: Parsed
    copies: tuple[LocalCopy, ...] = ()
    queued: tuple[Outgoing, ...] = ()
    strict_quota: bool = False
    companions: tuple["Delivery", ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def size(self) -> int:
        """Octets of the content."""
        return len(self.content.header) + len(self.content.body)

    @property
    def tenants(self) -> set[int]:
        """In which tenants the content is kept."""
        return {copy.tenant_id for copy in self.copies} | {outgoing.tenant_id for outgoing in self.queued}


class NoSuchMailboxes(Refused):
    """Nothing of a delivery is filed because these `mailboxes` do not exist, each as (account_id, name); without them it may be.

    Where all of the delivery's own exist, they are those of a companion.
    """

    def __init__(self, mailboxes: frozenset[tuple[int, str]]) -> None:
        named = ", ".join(f"{name!r} of account {account_id}" for account_id, name in sorted(mailboxes))
        super().__init__(Failure.NO_SUCH_MAILBOX, f"there is no mailbox {named}")
        self.mailboxes = mailboxes


class AlreadyMarked(Refused):
    """Nothing of a delivery is filed because these of its marks are not new, each as (account_id, digest)."""

    def __init__(self, marks: frozenset[tuple[int, bytes]]) -> None:
        accounts = ", ".join(sorted({str(account_id) for account_id, _ in marks}))
        super().__init__(Failure.CONFLICT, f"done before by account {accounts}")
        self.marks = marks


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a copy is: what APPENDUID tells (RFC 4315 §3)."""

    account_id: int
    mailbox_id: int
    uidvalidity: int
    uid: int
    modseq: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a committed delivery became: copies in the order given, and the ids of its queue messages."""

    copies: tuple[Stored, ...] = ()
    queued: tuple[UUID, ...] = ()
    events: tuple[Event, ...] = field(default=(), repr=False)
