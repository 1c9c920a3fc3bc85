"""The items of a FETCH (RFC 9051 §6.4.5, RFC 3501 §6.4.5, RFC 7162 §3.1.4, RFC 3516 §4.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from imap.grammar.numbers import number, nz_number
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.strings import astring, word
from mailstead.wire.imap_strings import astring as render_astring

MAX_ITEMS = 200  # of one FETCH
MAX_FIELDS = 200  # names in one HEADER.FIELDS
MAX_PART_DEPTH = 100  # numbers of one part


class Attribute(Enum):
    """What is told as one value; the value is its name on the wire."""

    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    UID = b"UID"
    MODSEQ = b"MODSEQ"
    EMAILID = b"EMAILID"  # RFC 8474 §5
    THREADID = b"THREADID"
    SAVEDATE = b"SAVEDATE"  # RFC 8514 §4
    PREVIEW = b"PREVIEW"  # RFC 8970 §3


class Part(Enum):
    """What of a part is wanted, `section-text` of RFC 9051 §9."""

    ALL = ""
    HEADER = "HEADER"
    TEXT = "TEXT"
    MIME = "MIME"
    FIELDS = "HEADER.FIELDS"
    FIELDS_NOT = "HEADER.FIELDS.NOT"


@dataclass(frozen=True, slots=True)
class Section:
    """Octets of the message. `label` is how the answer names them; `partial` is (first octet, how many)."""

    label: bytes
    numbers: tuple[int, ...] = ()
    part: Part = Part.ALL
    fields: tuple[bytes, ...] = ()
    partial: tuple[int, int] | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """The octets of a part with its Content-Transfer-Encoding undone (RFC 3516 §4.2), or how many they are."""

    label: bytes
    numbers: tuple[int, ...]
    partial: tuple[int, int] | None = None
    peek: bool = False
    size_only: bool = False


FetchItem = Attribute | Section | Binary

_FAST = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)
_MACROS: dict[str, tuple[Attribute, ...]] = {
    "ALL": (*_FAST, Attribute.ENVELOPE),
    "FAST": _FAST,
    "FULL": (*_FAST, Attribute.ENVELOPE, Attribute.BODY),
}
_RFC822: dict[str, Section] = {
    "RFC822": Section(b"RFC822"),
    "RFC822.HEADER": Section(b"RFC822.HEADER", part=Part.HEADER, peek=True),
    "RFC822.TEXT": Section(b"RFC822.TEXT", part=Part.TEXT),
}
_ATTRIBUTES = {attribute.value.decode(): attribute for attribute in Attribute}
# The longer first, for one is the beginning of another.
_SECTION_TEXTS = (Part.FIELDS_NOT, Part.FIELDS, Part.HEADER, Part.TEXT, Part.MIME)


def fetch_items(scanner: Scanner) -> tuple[FetchItem, ...]:
    """A macro, one item, or a list of items; repeated ones are told once."""
    if not scanner.skips(b"("):
        return _macro_or_item(scanner)
    items: dict[FetchItem, None] = {}
    while True:
        items.update(dict.fromkeys(_macro_or_item(scanner)))
        if len(items) > MAX_ITEMS:
            raise BadSyntax("too many items")
        if scanner.skips(b")"):
            return tuple(items)
        scanner.expect(b" ")


def _macro_or_item(scanner: Scanner) -> tuple[FetchItem, ...]:
    if scanner.skips(b"BODY.PEEK["):
        return (_section(scanner, peek=True),)
    if scanner.skips(b"BODY["):
        return (_section(scanner, peek=False),)
    if scanner.skips(b"BINARY.SIZE["):
        numbers = _part_number(scanner)
        return (Binary(b"BINARY.SIZE[" + _dotted(numbers) + b"]", numbers, peek=True, size_only=True),)
    if scanner.skips(b"BINARY.PEEK["):
        return (_binary(scanner, peek=True),)
    if scanner.skips(b"BINARY["):
        return (_binary(scanner, peek=False),)
    name = word(scanner)
    if name in _MACROS:
        return _MACROS[name]
    if name in _RFC822:
        return (_RFC822[name],)
    if name in _ATTRIBUTES:
        if name == "PREVIEW":
            scanner.skips(b" (LAZY)")  # RFC 8970 §3.1: a preview is always at hand
        return (_ATTRIBUTES[name],)
    raise BadSyntax("unknown FETCH item")


def _binary(scanner: Scanner, *, peek: bool) -> Binary:
    numbers = _part_number(scanner)
    partial = _partial(scanner)
    label = b"BINARY[" + _dotted(numbers) + b"]" + (b"<%d>" % partial[0] if partial else b"")
    return Binary(label, numbers, partial, peek)


def _part_number(scanner: Scanner) -> tuple[int, ...]:
    """`section-binary`, from behind the `[` to behind the `]`."""
    numbers: list[int] = []
    while not scanner.skips(b"]"):
        if numbers:
            scanner.expect(b".")
        numbers.append(nz_number(scanner))
        if len(numbers) > MAX_PART_DEPTH:
            raise BadSyntax("part number too long")
    return tuple(numbers)


def _dotted(numbers: Sequence[int]) -> bytes:
    return b".".join([b"%d" % n for n in numbers])


def _section(scanner: Scanner, *, peek: bool) -> Section:
    """From behind the `[`."""
    numbers: list[int] = []
    part = Part.ALL
    while not scanner.sees(b"]"):
        if scanner.data[scanner.at : scanner.at + 1].isdigit():
            numbers.append(nz_number(scanner))
            if len(numbers) > MAX_PART_DEPTH:
                raise BadSyntax("part number too long")
            if scanner.skips(b"."):
                continue
            break
        part = _section_text(scanner)
        break
    if part is Part.MIME and not numbers:
        raise BadSyntax("MIME needs a part number")
    fields = _header_list(scanner) if part in (Part.FIELDS, Part.FIELDS_NOT) else ()
    scanner.expect(b"]")
    partial = _partial(scanner)
    return Section(_label(numbers, part, fields, partial), tuple(numbers), part, fields, partial, peek)


def _section_text(scanner: Scanner) -> Part:
    for part in _SECTION_TEXTS:
        if scanner.skips(part.value.encode()):
            return part
    raise BadSyntax("unknown section")


def _header_list(scanner: Scanner) -> tuple[bytes, ...]:
    scanner.expect(b" ")
    scanner.expect(b"(")
    fields = [astring(scanner)]
    while not scanner.skips(b")"):
        scanner.expect(b" ")
        fields.append(astring(scanner))
        if len(fields) > MAX_FIELDS:
            raise BadSyntax("too many header fields")
    return tuple(fields)


def _partial(scanner: Scanner) -> tuple[int, int] | None:
    if not scanner.skips(b"<"):
        return None
    first = number(scanner, 2**63 - 1)
    scanner.expect(b".")
    count = number(scanner, 2**63 - 1)
    scanner.expect(b">")
    if count == 0:
        raise BadSyntax("a partial fetch asks for at least one octet")
    return first, count


def _label(numbers: list[int], part: Part, fields: tuple[bytes, ...], partial: tuple[int, int] | None) -> bytes:
    """The name as the answer gives it: without PEEK, and with the first octet only (RFC 9051 §7.5.2)."""
    inside = b".".join(filter(None, (_dotted(numbers), part.value.encode())))
    if fields:
        inside += b" (" + b" ".join(map(render_astring, fields)) + b")"
    return b"BODY[" + inside + b"]" + (b"<%d>" % partial[0] if partial else b"")
