"""LIST with its options, and STATUS items (RFC 9051 §6.3.9, §6.3.11; RFC 5258, RFC 5819, RFC 6154)."""

from imap.grammar import requests as ask
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.strings import flag, list_mailbox, mailbox, word, words

MAX_PATTERNS = 50  # of one LIST
MAX_USES = 10  # of one CREATE

SELECTIONS = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
RETURNS = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS"})


def list_arguments(scanner: Scanner) -> ask.List:
    """All behind `LIST SP`."""
    extended = scanner.sees(b"(")
    selection = frozenset(words(scanner)) if extended else frozenset[str]()
    if extended:
        scanner.expect(b" ")
    if selection - SELECTIONS:
        raise BadSyntax("unknown LIST selection option")
    if "RECURSIVEMATCH" in selection and not selection & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise BadSyntax("RECURSIVEMATCH needs another selection option")  # RFC 5258 §3.1
    reference = mailbox(scanner)
    scanner.expect(b" ")
    if scanner.sees(b"("):
        extended = True
        patterns = _patterns(scanner)
    else:
        patterns = (list_mailbox(scanner),)
    returns: set[str] = set()
    status: tuple[ask.StatusItem, ...] = ()
    if scanner.skips(b" RETURN ("):
        extended = True
        status = _returns(scanner, returns)
    return ask.List(reference, patterns, selection, frozenset(returns), status, extended)


def _patterns(scanner: Scanner) -> tuple[str, ...]:
    scanner.expect(b"(")
    patterns = [list_mailbox(scanner)]
    while not scanner.skips(b")"):
        scanner.expect(b" ")
        patterns.append(list_mailbox(scanner))
        if len(patterns) > MAX_PATTERNS:
            raise BadSyntax("too many patterns")
    return tuple(patterns)


def _returns(scanner: Scanner, returns: set[str]) -> tuple[ask.StatusItem, ...]:
    """Return options from behind the parenthesis, into `returns`; what follows STATUS is the result."""
    status: tuple[ask.StatusItem, ...] = ()
    first = True
    while not scanner.skips(b")"):
        if not first:
            scanner.expect(b" ")
        first = False
        option = word(scanner)
        if option == "STATUS":
            scanner.expect(b" ")
            status = status_items(scanner)
        elif option in RETURNS:
            returns.add(option)
        else:
            raise BadSyntax("unknown LIST return option")
    return status


def special_use(scanner: Scanner) -> tuple[str, ...]:
    """`(USE (\\Sent …))` behind CREATE (RFC 6154 §3), spelled as in LIST; nothing when it is not there."""
    if not scanner.skips(b" ("):
        return ()
    scanner.expect(b"USE")
    scanner.expect(b" ")
    uses = dict.fromkeys("\\" + name.removeprefix("\\").capitalize() for name in _attributes(scanner))
    scanner.expect(b")")
    return tuple(uses)


def _attributes(scanner: Scanner) -> tuple[str, ...]:
    scanner.expect(b"(")
    found: list[str] = []
    while not scanner.skips(b")"):
        if found:
            scanner.expect(b" ")
        found.append(flag(scanner))
        if len(found) > MAX_USES:
            raise BadSyntax("too many special uses")
    return tuple(found)


def status_items(scanner: Scanner) -> tuple[ask.StatusItem, ...]:
    try:
        items = tuple(dict.fromkeys(map(ask.StatusItem, words(scanner))))
    except ValueError as error:
        raise BadSyntax("unknown STATUS item") from error
    if not items:
        raise BadSyntax("STATUS asks for nothing")
    return items
