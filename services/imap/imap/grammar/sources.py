"""Sets of mailboxes, which ESEARCH searches and NOTIFY watches (RFC 7377 §3, RFC 5465 §8)."""

from dataclasses import dataclass
from enum import Enum

from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.strings import mailbox, word

MAX_MAILBOXES = 1_000  # named by one source


class SourceKind(Enum):
    """RFC 5465 §6, RFC 7377 §2.2."""

    SELECTED = "SELECTED"
    SELECTED_DELAYED = "SELECTED-DELAYED"
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    SUBTREE_ONE = "SUBTREE-ONE"
    MAILBOXES = "MAILBOXES"


OF_SELECTED = frozenset({SourceKind.SELECTED, SourceKind.SELECTED_DELAYED})
_NAMING = frozenset({SourceKind.SUBTREE, SourceKind.SUBTREE_ONE, SourceKind.MAILBOXES})


@dataclass(frozen=True, slots=True)
class Source:
    """Some mailboxes; `names` where the kind takes any."""

    kind: SourceKind
    names: tuple[str, ...] = ()


def source(scanner: Scanner) -> Source:
    """`filter-mailboxes` of RFC 5465 §8."""
    try:
        kind = SourceKind(word(scanner))
    except ValueError as error:
        raise BadSyntax("unknown set of mailboxes") from error
    if kind not in _NAMING:
        return Source(kind)
    scanner.expect(b" ")
    return Source(kind, _mailboxes(scanner))


def _mailboxes(scanner: Scanner) -> tuple[str, ...]:
    if not scanner.skips(b"("):
        return (mailbox(scanner),)
    names = [mailbox(scanner)]
    while not scanner.skips(b")"):
        scanner.expect(b" ")
        names.append(mailbox(scanner))
        if len(names) > MAX_MAILBOXES:
            raise BadSyntax("too many mailboxes")
    return tuple(names)
