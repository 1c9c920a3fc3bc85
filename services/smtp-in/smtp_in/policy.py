"""Decisions about mail, from values alone: who may be written to and who may write."""

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
