"""GETMETADATA and SETMETADATA (RFC 5464 §4.2, §4.3, §5)."""

from imap.grammar import requests as ask
from imap.grammar.numbers import number
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.strings import astring, mailbox, nstring, word

MAX_ENTRIES = 50  # of one command
MAX_ENTRY = 512  # octets of a name

_DEPTHS: dict[bytes, int | None] = {b"0": 0, b"1": 1, b"INFINITY": None}


def get_metadata(scanner: Scanner) -> ask.GetMetadata:
    """All behind GETMETADATA; the options stand first, as in the RFC's grammar, or where its examples have them, last."""
    scanner.expect(b" ")
    depth: int | None = 0
    size: int | None = None
    if scanner.sees(b"("):
        depth, size = _options(scanner)
        scanner.expect(b" ")
    name = mailbox(scanner)
    scanner.expect(b" ")
    return ask.GetMetadata(name, _entries(scanner), depth, size)


def _options(scanner: Scanner) -> tuple[int | None, int | None]:
    depth: int | None = 0
    size: int | None = None
    scanner.expect(b"(")
    while True:
        option = word(scanner)
        scanner.expect(b" ")
        if option == "MAXSIZE":
            size = number(scanner)
        elif option == "DEPTH":
            found = next((name for name in _DEPTHS if scanner.skips(name)), None)
            if found is None:
                raise BadSyntax("a depth is 0, 1 or infinity")
            depth = _DEPTHS[found]
        else:
            raise BadSyntax("unknown GETMETADATA option")
        if scanner.skips(b")"):
            return depth, size
        scanner.expect(b" ")


def _entries(scanner: Scanner) -> tuple[str, ...]:
    if not scanner.skips(b"("):
        return (_entry(scanner),)
    found = [_entry(scanner)]
    while not scanner.skips(b")"):
        scanner.expect(b" ")
        found.append(_entry(scanner))
        _bound(len(found))
    return tuple(dict.fromkeys(found))


def set_metadata(scanner: Scanner) -> ask.SetMetadata:
    """All behind SETMETADATA."""
    scanner.expect(b" ")
    name = mailbox(scanner)
    scanner.expect(b" ")
    scanner.expect(b"(")
    found: dict[str, bytes | None] = {}
    while True:
        entry = _entry(scanner)
        scanner.expect(b" ")
        found[entry] = nstring(scanner)
        _bound(len(found))
        if scanner.skips(b")"):
            return ask.SetMetadata(name, tuple(found.items()))
        scanner.expect(b" ")


def _entry(scanner: Scanner) -> str:
    """An entry name, without regard to case (RFC 5464 §3.2)."""
    octets = astring(scanner)
    name = octets.decode("ascii", "replace").lower()
    parts = name.split("/")
    if (
        not octets.isascii()
        or len(name) > MAX_ENTRY
        or len(parts) < 3
        or parts[1] not in ("private", "shared")
        or not all(parts[1:])
        or any(c in "*%" or ord(c) < 32 for c in name)
    ):
        raise BadSyntax("an entry is /private/name or /shared/name")
    return name


def _bound(count: int) -> None:
    if count > MAX_ENTRIES:
        raise BadSyntax("too many entries")
