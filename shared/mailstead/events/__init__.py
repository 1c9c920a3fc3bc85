"""What services tell each other after a commit: versioned, frozen dataclasses and the subjects they travel on.

Events are hints (promise D2): each carries enough to notice that an earlier one was missed. May import `model` only.
"""

from dataclasses import asdict, dataclass, fields
from typing import ClassVar

import orjson

VERSION = 1


@dataclass(frozen=True, slots=True)
class MailboxChanged:
    """A mailbox went from one modseq to the next. A listener whose view is not at `previous_modseq` reads the delta."""

    kind: ClassVar[str] = "mailbox_changed"
    account_id: int
    mailbox_id: int
    previous_modseq: int
    modseq: int

    @property
    def subject(self) -> str:
        return account_subject(self.account_id)


@dataclass(frozen=True, slots=True)
class MailboxesChanged:
    """Mailboxes of an account were created, deleted or renamed, or its subscriptions or annotations changed: look at all."""

    kind: ClassVar[str] = "mailboxes_changed"
    account_id: int

    @property
    def subject(self) -> str:
        return account_subject(self.account_id)


@dataclass(frozen=True, slots=True)
class QueueFilled:
    """Messages for other hosts became due. Delivery workers look at the queue."""

    kind: ClassVar[str] = "queue_filled"
    due: int

    @property
    def subject(self) -> str:
        return QUEUE_SUBJECT


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Password, state or limits of an account changed: cached answers about it are to be forgotten, sessions may have to end."""

    kind: ClassVar[str] = "account_changed"
    account_id: int
    address: str
    active: bool

    @property
    def subject(self) -> str:
        return DIRECTORY_SUBJECT


@dataclass(frozen=True, slots=True)
class SessionsAsked:
    """Somebody looks at the sessions of an account: every replica tells each that it has, under the `question`."""

    kind: ClassVar[str] = "sessions_asked"
    account_id: int
    question: str

    @property
    def subject(self) -> str:
        return DIRECTORY_SUBJECT


@dataclass(frozen=True, slots=True)
class SessionTold:
    """One session of the account that a question was about. `since` in Unix time; `by`: password, app password or token."""

    kind: ClassVar[str] = "session_told"
    question: str
    replica: str
    protocol: str
    peer: str
    since: int
    by: str

    @property
    def subject(self) -> str:
        return question_subject(self.question)


@dataclass(frozen=True, slots=True)
class OutsideTold:
    """Events for the outside can be read, all up to the position `last`. Replicas of the API wake who follows them."""

    kind: ClassVar[str] = "outside_told"
    last: int

    @property
    def subject(self) -> str:
        return OUTSIDE_SUBJECT


Event = MailboxChanged | MailboxesChanged | QueueFilled | AccountChanged | SessionsAsked | SessionTold | OutsideTold

QUEUE_SUBJECT = "mail.queue"
DIRECTORY_SUBJECT = "mail.directory"
OUTSIDE_SUBJECT = "mail.outside"

_KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (MailboxChanged, MailboxesChanged, QueueFilled, AccountChanged, SessionsAsked, SessionTold, OutsideTold)
}


def account_subject(account_id: int) -> str:
    """The subject that a replica subscribes to while one of its sessions watches this account or a mailbox of it (promise S4)."""
    return f"mail.account.{account_id}"


def question_subject(question: str) -> str:
    """Where the answers to one question go."""
    return f"mail.question.{question}"


def encode(event: Event, sent_at: float) -> bytes:
    """One JSON object: version, kind, when it was sent in Unix time, then the event's own fields."""
    return orjson.dumps({"v": VERSION, "kind": event.kind, "at": sent_at, **asdict(event)})


def decode(data: bytes) -> tuple[Event | None, float]:
    """The event in `data` and when it was sent; None for a version or kind that this release does not know.

    A newer replica may speak. Raises ValueError for what is no event at all.
    """
    try:
        values = orjson.loads(data)
        version, kind, sent_at = values.pop("v"), values.pop("kind"), float(values.pop("at"))
        cls = _KINDS.get(kind) if version == VERSION else None
        if cls is None:
            return None, sent_at
        event = cls(**values)
        if any(type(values[field.name]) is not field.type for field in fields(cls)):
            raise TypeError("a field of another type")
        return event, sent_at
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not an event: {error}") from error
