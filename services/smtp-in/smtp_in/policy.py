"""Decisions about mail, from values alone: who may be written to, who may write, and what a message ends as.

After the final dot a message has one reply for all its recipients. What is refused for good where there is one recipient is a
5xx. Where there are several, nobody can say yet which of them the failure was about: then it is a 451 for all, nothing is
stored, and the next attempt hears at RCPT who it was.
"""

from dataclasses import dataclass
from enum import Enum

from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.delivery import Notify
from mailstead.store.directory import DomainRef, Recipient
from smtp_in import replies
from smtp_in.replies import Reply


class Role(Enum):
    """What a listener is for: taking mail for our own domains from anybody, or any mail from those who log in."""

    MX = "mx"
    SUBMISSION = "submission"


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A recipient with a mailbox here; `address` is as the client wrote it."""

    address: str
    recipient: Recipient
    notify: frozenset[Notify] = frozenset()
    original: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """A recipient whose mail is handed on."""

    address: str
    notify: frozenset[Notify] = frozenset()
    original: str | None = None


Target = LocalTarget | RemoteTarget


def judge_local(recipient: Recipient, size: int) -> Reply | None:
    """Why this account takes no message of `size` octets (0: not declared), or None where it does."""
    if not recipient.active:
        return replies.for_failure(Failure.ACCOUNT_DISABLED)
    if not recipient.has_room_for(max(size, 1)):
        return replies.for_failure(Failure.OVER_QUOTA)
    return None


def judge_elsewhere(role: Role, address: Address, domain: DomainRef | None) -> Reply | None:
    """Why an address without an account is refused, or None where mail for it is handed on. `domain` is its domain if ours."""
    if domain is not None:
        return replies.for_failure(Failure.NO_SUCH_ACCOUNT)
    if role is Role.MX:
        return replies.RELAY_DENIED
    if address.domain.startswith("[") or "." not in address.domain:
        return replies.for_failure(Failure.NO_SUCH_DOMAIN)  # nothing is sent to bare hosts and address literals
    return None


def undelivered(failure: Failure, recipients: int) -> Reply:
    """The one reply to a message of so many recipients that the store did not take, none of it."""
    return replies.for_failure(failure) if recipients == 1 else replies.TRY_LATER
