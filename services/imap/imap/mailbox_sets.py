"""Which mailboxes a client means by a set of them (RFC 5465 §6, RFC 7377 §2.2). Pure."""

from imap.grammar.sources import Source, SourceKind
from imap.namespaces import others
from mailstead.store.mailbox_row import SEPARATOR


def covers(source: Source, name: str, *, subscribed: bool) -> bool:
    """Whether a mailbox of this name is among them. The selected one is told by its number, never by a name: see the callers."""
    match source.kind:
        case SourceKind.SELECTED | SourceKind.SELECTED_DELAYED:
            return False
        case SourceKind.INBOXES | SourceKind.PERSONAL:
            # Rules of its owner may deliver to any mailbox, so that all of one's own are inboxes (RFC 5465 §6.3).
            return others(name) is None
        case SourceKind.SUBSCRIBED:
            return subscribed
        case SourceKind.SUBTREE:
            return any(name == top or name.startswith(top + SEPARATOR) for top in source.names)
        case SourceKind.SUBTREE_ONE:
            return any(name in (top, _child(top, name)) for top in source.names)
        case SourceKind.MAILBOXES:
            return name in source.names


def parent(name: str) -> str:
    """The level above; empty where there is none."""
    return name.rpartition(SEPARATOR)[0]


def _child(top: str, name: str) -> str | None:
    """`name` if it lies right below `top`."""
    return name if top and parent(name) == top else None
