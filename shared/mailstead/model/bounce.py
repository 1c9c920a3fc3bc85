"""What a refusal of another host is about, in a short closed list: for people, metrics, and what is done about it."""

from enum import StrEnum


class BounceClass(StrEnum):
    """Whether it is for now or for good is not in here: that is the attempt's outcome."""

    UNKNOWN_MAILBOX = "unknown-mailbox"  # there is nobody of that name, or not any more
    MAILBOX_FULL = "mailbox-full"
    UNKNOWN_HOST = "unknown-host"  # the domain does not exist or takes no mail
    RATE_LIMIT = "rate-limit"  # too much at once, of us or for the recipient
    REPUTATION = "reputation"  # our address or domain is on a block list, or not trusted
    CONTENT = "content"  # what is in the message: spam, a virus, a forbidden attachment
    POLICY = "policy"  # the sender is not authenticated, not allowed, the message too large
    TEMPORARY = "temporary"  # greylisting, an outage, no answer
    OTHER = "other"
