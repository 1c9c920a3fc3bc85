"""What a FETCH takes: which columns to read, how the values of a row are written, and where the octets of a section are.

Values were made at ingest as they go on the wire (promise P2); a row costs one formatting of a template made once a command.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from imap.dialect import Dialect
from imap.grammar.fetch import Attribute, Binary, FetchItem, Part, Section
from imap.response import date_time, flag_list, flags
from mailstead.store.flag_changes import FlagRow
from mailstead.store.messages import Summary, Want
from mailstead.wire.bodystructure import render_body
from mailstead.wire.headers import select_fields
from mailstead.wire.imap_strings import quoted_or_literal
from mailstead.wire.mime import Part as MimePart
from mailstead.wire.structure import find as find_part
from mailstead.wire.structure import section as find_section
from mailstead.wire.structure import unpack

Value = int | bytes
Row = TypeVar("Row")
Columns = Mapping[Attribute, tuple[bytes, Callable[[Row], Value]]]


@dataclass(frozen=True, slots=True)
class Octets:
    """A section that is known without reading the body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """A section that lies at [start, stop) of BODY[]. With `fields`, only those of the header that stands there."""

    start: int
    stop: int
    fields: Section | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A part that lies at [start, stop) of BODY[] in this Content-Transfer-Encoding, which is to be undone."""

    start: int
    stop: int
    encoding: str
    item: Binary


Located = Octets | Extent | Encoded | None
"""None: the message has no such part."""


class Head(Generic[Row]):
    """Writes `* n FETCH (UID 1 FLAGS ()` of a row: all but sections and the closing parenthesis.

    `word` is FETCH, or UIDFETCH where `n` is a UID (RFC 9586 §3.3).
    """

    __slots__ = ("_columns", "_template", "empty")

    def __init__(self, columns: Columns[Row], attributes: Iterable[Attribute], word: bytes) -> None:
        named = [(attribute.value, *columns[attribute]) for attribute in attributes]
        self._template = b"* %d " + word + b" (" + b" ".join([name + b" " + form for name, form, _ in named])
        self._columns = tuple(column for _, _, column in named)
        self.empty = not named

    def render(self, number: int, row: Row) -> bytes:
        return self._template % (number, *[column(row) for column in self._columns])


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """One FETCH command."""

    want: Want
    attributes: tuple[Attribute, ...]
    sections: tuple[Section | Binary, ...]
    head: Head[Summary]
    head_with_flags: Head[Summary]  # for messages whose flags this FETCH has changed
    word: bytes

    @property
    def flags_only(self) -> bool:
        """Flags, modseq and UID stand in one narrow row; `light_head` writes it."""
        return not self.sections and _LIGHT.keys() >= set(self.attributes)

    @property
    def light_head(self) -> Head[FlagRow]:
        return Head(_LIGHT, self.attributes, self.word)

    @property
    def marks_seen(self) -> bool:
        r"""Whether the messages become \Seen by this (RFC 9051 §6.4.5)."""
        return any(not section.peek for section in self.sections)

    @property
    def reads_bodies(self) -> bool:
        """Whether octets beyond the header are wanted."""
        return any(
            isinstance(section, Binary) or section.numbers or section.part in (Part.ALL, Part.TEXT) for section in self.sections
        )


def _body(row: Summary) -> bytes:
    return render_body(unpack(row.structure or b""))


_LIGHT: Columns[FlagRow] = {
    Attribute.UID: (b"%d", lambda row: row.uid),
    Attribute.FLAGS: (b"%b", lambda row: flags(row.flags)),
    Attribute.MODSEQ: (b"(%d)", lambda row: row.modseq),
}
_COLUMNS: Columns[Summary] = {
    Attribute.UID: (b"%d", lambda row: row.uid),
    Attribute.FLAGS: (b"%b", lambda row: flag_list(row.system_flags, row.keywords)),
    Attribute.INTERNALDATE: (b"%b", lambda row: date_time(row.internal_date)),
    Attribute.SIZE: (b"%d", lambda row: row.size),
    Attribute.MODSEQ: (b"(%d)", lambda row: row.modseq),
    Attribute.ENVELOPE: (b"%b", lambda row: row.envelope or b"NIL"),
    Attribute.BODYSTRUCTURE: (b"%b", lambda row: row.bodystructure or b"NIL"),
    Attribute.BODY: (b"%b", _body),
    Attribute.EMAILID: (b"(M%b)", lambda row: row.email_id.hex.encode()),
    Attribute.THREADID: (b"(T%b)", lambda row: row.thread_id.hex.encode()),
    Attribute.SAVEDATE: (b"%b", lambda row: date_time(row.saved_at)),
    Attribute.PREVIEW: (b"%b", lambda row: quoted_or_literal((row.preview or "").encode())),
}
_WANTS = {
    Attribute.ENVELOPE: Want.ENVELOPE,
    Attribute.BODYSTRUCTURE: Want.BODYSTRUCTURE,
    Attribute.BODY: Want.STRUCTURE,
    Attribute.PREVIEW: Want.PREVIEW,
}


def plan(items: Iterable[FetchItem], dialect: Dialect, *, by_uid: bool, modseq: bool) -> FetchPlan:
    """`by_uid`: answers to UID FETCH carry the UID (RFC 9051 §6.4.9). `modseq`: all carry the modseq (RFC 7162 §3.1.4.1).

    To clients of CONDSTORE, those whose flags change by being read carry it with their flags (§3.2).
    """
    items = tuple(items)
    found = dict.fromkeys(item for item in items if isinstance(item, Attribute))
    sections = tuple(item for item in items if not isinstance(item, Attribute))
    if (by_uid or (dialect.qresync and Attribute.FLAGS in found)) and not dialect.uid_only:  # RFC 7162 §3.2.4
        found = {Attribute.UID: None, **found}
    if modseq:
        found[Attribute.MODSEQ] = None
    want = Want.NOTHING
    for attribute in found:
        want |= _WANTS.get(attribute, Want.NOTHING)
    for section in sections:
        want |= _section_want(section)
    with_flags = {**found, Attribute.FLAGS: None}
    if dialect.condstore:
        with_flags[Attribute.MODSEQ] = None
    word = b"UIDFETCH" if dialect.uid_only else b"FETCH"
    return FetchPlan(want, tuple(found), sections, Head(_COLUMNS, found, word), Head(_COLUMNS, with_flags, word), word)


def _section_want(section: Section | Binary) -> Want:
    if isinstance(section, Binary) or section.numbers:
        return Want.STRUCTURE
    return Want.HEADER if section.part in (Part.HEADER, Part.FIELDS, Part.FIELDS_NOT) else Want.NOTHING


def locate(section: Section | Binary, row: Summary) -> Located:
    """Where the octets of `section` are, its partial range applied where that can be done here."""
    if isinstance(section, Binary):
        return _binary(section, row)
    if section.numbers:
        return _within(section, row, unpack(row.structure or b""))
    if section.part is Part.ALL:
        return _clip(section, 0, row.size)
    if section.part is Part.TEXT:
        return _clip(section, len(row.prefix) + row.header_size, row.size)
    return Octets(header_part(section, row.header or b""))


def _within(section: Section, row: Summary, structure: MimePart) -> Located:
    fields = section.part in (Part.FIELDS, Part.FIELDS_NOT)
    span = find_section(structure, section.numbers, Part.HEADER.value if fields else section.part.value)
    if span is None:
        return None
    start, stop = len(row.prefix) + span.start, len(row.prefix) + span.end
    return Extent(start, stop, section) if fields else _clip(section, start, stop)


def _binary(item: Binary, row: Summary) -> Located:
    if not item.numbers:
        return Encoded(0, row.size, "binary", item)
    part = find_part(unpack(row.structure or b""), item.numbers)
    if part is None:
        return None
    encoding = "binary" if part.parts or part.message else part.encoding  # RFC 2045 §6.4: these have none
    return Encoded(len(row.prefix) + part.body.start, len(row.prefix) + part.body.end, encoding, item)


def _clip(section: Section, start: int, stop: int) -> Extent:
    if section.partial is None:
        return Extent(start, stop)
    first, count = section.partial
    start = min(start + first, stop)
    return Extent(start, min(start + count, stop))


def header_part(section: Section, header: bytes) -> bytes:
    """The header or those fields of it that `section` names, its partial range applied."""
    if section.part in (Part.FIELDS, Part.FIELDS_NOT):
        names = {field.lower() for field in section.fields}
        header = select_fields(header, names, exclude=section.part is Part.FIELDS_NOT)
    if section.partial is None:
        return header
    first, count = section.partial
    return header[first : first + count]
