"""NOTIFY (RFC 5465 §8)."""

from imap.grammar import requests as ask
from imap.grammar.events import MESSAGE_EVENTS, EventGroup, MailEvent
from imap.grammar.fetch import FetchItem, fetch_items
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.sources import OF_SELECTED, source
from imap.grammar.strings import word

MAX_GROUPS = 100  # of one NOTIFY
MAX_EVENTS = 50  # of one group

_EVENTS = {event.value.upper(): event for event in MailEvent}
_COUNTS = frozenset({MailEvent.MESSAGE_NEW, MailEvent.MESSAGE_EXPUNGE})


def notify(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    match word(scanner):
        case "NONE":
            return ask.Notify()
        case "SET":
            return _set(scanner)
        case _:
            raise BadSyntax("NOTIFY is SET or NONE")


def _set(scanner: Scanner) -> ask.Notify:
    status = scanner.skips(b" STATUS")
    groups: list[EventGroup] = []
    unsupported = False
    while not groups or scanner.sees(b" ("):
        scanner.expect(b" ")
        group, known = _group(scanner)
        groups.append(group)
        unsupported = unsupported or not known
        if len(groups) > MAX_GROUPS:
            raise BadSyntax("too many event groups")
    if sum(group.source.kind in OF_SELECTED for group in groups) > 1:
        raise BadSyntax("the selected mailbox is spoken of once")  # RFC 5465 §6.1
    return ask.Notify(tuple(groups), status, unsupported)


def _group(scanner: Scanner) -> tuple[EventGroup, bool]:
    """A group, and whether all its events are known."""
    scanner.expect(b"(")
    mailboxes = source(scanner)
    scanner.expect(b" ")
    events, items, known = _events(scanner)
    scanner.expect(b")")
    if mailboxes.kind in OF_SELECTED:
        if not events <= MESSAGE_EVENTS:
            raise BadSyntax("of the selected mailbox only messages are told")  # RFC 5465 §6.1
    elif items:
        raise BadSyntax("only of messages in the selected mailbox more can be told")  # RFC 5465 §8
    return EventGroup(mailboxes, events, items), known


def _events(scanner: Scanner) -> tuple[frozenset[MailEvent], tuple[FetchItem, ...], bool]:
    if not scanner.skips(b"("):
        scanner.expect(b"NONE")
        return frozenset(), (), True
    events: set[MailEvent] = set()
    items: tuple[FetchItem, ...] = ()
    known, count = True, 0
    while True:
        event = _EVENTS.get(word(scanner))
        known = known and event is not None
        if event is not None:
            events.add(event)
        if event is MailEvent.MESSAGE_NEW and scanner.skips(b" ("):
            scanner.at -= 1
            items = fetch_items(scanner)
        count += 1
        if count > MAX_EVENTS:
            raise BadSyntax("too many events")
        if scanner.skips(b")"):
            break
        scanner.expect(b" ")
    if events & MESSAGE_EVENTS and not events >= _COUNTS:
        raise BadSyntax("MessageNew and MessageExpunge go together")  # RFC 5465 §5
    return frozenset(events), items, known
