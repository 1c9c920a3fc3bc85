"""What a run of a script is given beside the message, and what it decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a run may do. `steps`: of about 2,000 octets compared each; `body_octets`: of the body that are looked at."""

    steps: int = 20_000
    actions: int = 32
    redirects: int = 4
    body_octets: int = 1024 * 1024
    answer_seconds: int = 7 * DAY  # between two answers to one sender, where the script says nothing (RFC 5230 §4.1)
    least_answer_seconds: int = 60
    duplicate_seconds: int = 7 * DAY  # RFC 7352 §3
    most_seconds: int = 90 * DAY  # for both


@dataclass(frozen=True, slots=True)
class Occasion:
    """`sender` and `recipient` are the envelope, for this copy; `addresses` are the owner's, the first for answering.

    `mailboxes` are needed only where the script asks for them. `seen` holds the keys of marks that are known to be set. With
    `redirected` the message was redirected by this account before: it is not sent round again (RFC 5228 §4.2).
    """

    now: datetime
    sender: str
    recipient: str
    addresses: tuple[str, ...]
    mailboxes: frozenset[str] = frozenset()
    seen: frozenset[bytes] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    redirected: bool = False


@dataclass(frozen=True, slots=True)
class Filing:
    """A copy for `mailbox`, or for where mail of this account goes by itself (None). `flags` as IMAP writes them."""

    mailbox: str | None
    flags: tuple[str, ...] = ()
    create: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reject`, or with `protocol` `ereject` (RFC 5429 §2)."""

    reason: str
    protocol: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that must be new in this account for the plan to hold, and then is remembered for so many seconds.

    With `renew` it is known not to be new: only its time begins again (RFC 7352 §3).
    """

    key: bytes
    seconds: int
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A vacation response (RFC 5230 §5). `reason` is text with CRLF, or a whole MIME entity."""

    recipient: str
    sender: str
    subject: str
    reason: bytes
    mime: bool
    in_reply_to: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one copy of a message. `error` is why a script could not be run to its end; then all is kept."""

    filings: tuple[Filing, ...] = ()
    redirects: tuple[str, ...] = ()
    refusal: Refusal | None = None
    answer: Answer | None = None
    marks: tuple[Mark, ...] = ()
    error: str | None = None


KEEP = Plan((Filing(None),))
"""What becomes of a message without a script."""
