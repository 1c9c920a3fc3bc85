"""What a worker holds of the queue, and what it says of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from mailstead.model.bounce import BounceClass
from mailstead.store.content import Source
from mailstead.store.delivery import Notify


class Outcome(Enum):
    """What became of a recipient in one attempt."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"
    CANCELLED = "cancelled"  # untried, since an operator asked for it
    SUPPRESSED = "suppressed"  # untried, since its tenant does not write to it; otherwise a failure


class Asked(Enum):
    """What an operator wants of a recipient that is being tried, to be done as soon as that attempt leaves it open.

    RETURN is to cancel it and report to the sender: that takes a worker, so one is given it even where nobody had it.
    """

    HOLD = "hold"
    CANCEL = "cancel"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    """A leased recipient; `attempts` counts those before this lease. One that has been `asked` for is not to be tried."""

    number: int
    address: str
    attempts: int
    notify: frozenset[Notify]
    original: str | None
    delay_notified: bool
    fence: int
    asked: Asked | None = None
    suppressed: str | None = None  # why its tenant does not write to it


@dataclass(frozen=True, slots=True)
class Leased:
    """The due recipients of one message at one domain, ours until `leased_until`."""

    queue_id: UUID
    tenant_id: int
    account_id: int | None
    trace_id: str
    sender: str
    envelope_id: str | None
    return_full: bool
    domain: str
    recipients: tuple[QueuedRecipient, ...]
    source: Source
    queued_at: datetime
    expires_at: datetime
    leased_until: datetime
    report_to: str | None = None  # who is told of it, where that is not the sender
    require_tls: bool = False  # RFC 8689
    tls_optional: bool = False  # TLS-Required: No (RFC 8689 §5)


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """One recipient's result. `until` is when a deferred one is tried again; `status` is an enhanced code (RFC 3463)."""

    number: int
    outcome: Outcome
    status: str
    reply: str
    until: datetime | None = None
    delay_notified: bool = False
    bounce_class: BounceClass | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where and how it was tried; `duration` in seconds. `tls` is version and cipher, None without TLS."""

    host: str
    address: str
    tls: str | None
    started_at: datetime
    duration: float


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Recipients by state; `oldest_due_age` in seconds, 0 when nothing is due."""

    waiting: int
    due: int
    leased: int
    oldest_due_age: float
    held: int = 0
