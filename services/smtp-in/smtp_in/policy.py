"""Decisions about mail, from values alone: who may be written to and who may write."""

from dataclasses import dataclass
from enum import Enum

from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.directory import Recipient
from smtp_in import replies
from smtp_in.replies import Reply


class Role(Enum):
    """What a listener is for: mail for our own domains from anybody, any mail from those who log in, or mail for our own domains
    from another mail server, with a reply for each recipient (RFC 2033)."""

    MX = "mx"
    SUBMISSION = "submission"
    LMTP = "lmtp"


@dataclass(frozen=True, slots=True)
class MailboxRules:
    """What is said of a mailbox that takes no mail."""

    disabled: Reply = replies.FAILURES[Failure.ACCOUNT_DISABLED]
    full: Reply = replies.FAILURES[Failure.OVER_QUOTA]


def judge_local(recipient: Recipient, size: int, rules: MailboxRules) -> Reply | None:
    """Why this account takes no message of `size` octets (0: not declared), or None where it does."""
    if not recipient.active:
        return rules.disabled
    if recipient.keeps_copy and not recipient.usage.has_room_for(max(size, 1)):
        return rules.full
    return None


def judge_elsewhere(role: Role, address: Address, *, is_ours: bool, is_forward: bool) -> Reply | None:
    """Why an address without an account is refused, or None where mail for it is handed on.

    `is_ours`: its domain is. `is_forward`: an address of ours leads to it, so that mail for it is taken from anybody.
    """
    if is_ours:
        return replies.for_failure(Failure.NO_SUCH_ACCOUNT)
    if role is not Role.SUBMISSION and not is_forward:
        return replies.RELAY_DENIED
    if address.domain.startswith("[") or "." not in address.domain:
        return replies.for_failure(Failure.NO_SUCH_DOMAIN)  # nothing is sent to bare hosts and address literals
    return None
