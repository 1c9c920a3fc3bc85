"""What NOTIFY can be asked to tell of, and of which mailboxes (RFC 5465 §5, §8)."""

from dataclasses import dataclass
from enum import Enum

from imap.grammar.fetch import FetchItem
from imap.grammar.sources import Source


class MailEvent(Enum):
    """RFC 5465 §5; the value is its name on the wire."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"
    MAILBOX_METADATA_CHANGE = "MailboxMetadataChange"
    SERVER_METADATA_CHANGE = "ServerMetadataChange"


MESSAGE_EVENTS = frozenset({MailEvent.MESSAGE_NEW, MailEvent.MESSAGE_EXPUNGE, MailEvent.FLAG_CHANGE})


@dataclass(frozen=True, slots=True)
class EventGroup:
    """What is to be told of some mailboxes; `items` of new messages in the selected one."""

    source: Source
    events: frozenset[MailEvent]
    items: tuple[FetchItem, ...] = ()
