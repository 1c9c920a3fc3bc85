"""A message as tests see it: fields decoded to UTF-8, addresses, texts of its parts. Everything is looked up once, on demand."""

from collections.abc import Iterator
from functools import cached_property

from mailstead.wire.addresses import HeaderAddress, parse_addresses
from mailstead.wire.headers import MAX_HEADER, decode_octets, decode_value, fields, unfold
from mailstead.wire.message import Parsed
from mailstead.wire.mime import Part, Span
from mailstead.wire.structure import unpack
from mailstead.wire.text import decode_transfer


class Content:
    """A message as all runs of scripts on it share it."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self._decoded: dict[bytes, list[bytes]] = {}

    @cached_property
    def fields(self) -> dict[bytes, list[bytes]]:
        """Lower-case name -> raw values from the top."""
        return _by_name(self.parsed.header)

    def decoded(self, name: bytes) -> list[bytes]:
        """The values of a lower-case name, as `MessageView.values` has them."""
        if name not in self._decoded:
            self._decoded[name] = _decoded(self.fields.get(name, []))
        return self._decoded[name]

    @cached_property
    def root(self) -> Part:
        return unpack(self.parsed.structure)


class MessageView:
    """`prefix` are our own header lines above the message (Return-Path, Received); `body_octets` bounds what is decoded."""

    def __init__(self, content: Content, prefix: bytes, body_octets: int) -> None:
        self._content = content
        self._parsed = content.parsed
        self._prefix = _by_name(prefix)
        self._body_octets = body_octets
        self.size = len(prefix) + len(self._parsed.header) + len(self._parsed.body)

    def raw(self, name: bytes) -> list[bytes]:
        """The values of all fields of a name, in any case of letters, as they stand in the message."""
        name = name.lower()
        return self._prefix.get(name, []) + self._content.fields.get(name, [])

    def values(self, name: bytes) -> list[bytes]:
        """As `raw`, but unfolded, decoded and without white space around them (RFC 5228 §2.4.2.2, §2.7.2)."""
        name = name.lower()
        above = self._prefix.get(name)
        return (_decoded(above) if above else []) + self._content.decoded(name)

    def addresses(self, raw: bytes) -> Iterator[HeaderAddress]:
        """The addresses of one field; names of groups are none (RFC 5228 §5.1)."""
        for address in parse_addresses(unfold(raw)):
            if address.mailbox is not None and address.host is not None:
                yield address

    @property
    def message_id(self) -> str:
        return self._parsed.message_id

    @property
    def references(self) -> tuple[str, ...]:
        return self._parsed.references

    # ---- body (RFC 5173)

    @property
    def raw_body(self) -> bytes:
        return bytes(self._parsed.body[: self._body_octets])

    def parts(self, wanted: tuple[bytes, ...]) -> Iterator[bytes]:
        """What is searched of each part whose type is among `wanted` (`text`, `text/plain`, or "" for all; RFC 5173 §5.2)."""
        kinds = {kind.lower() for kind in wanted}
        left = self._body_octets
        for part in _walk(self._content.root):
            kind = part.type.encode()
            if not kinds & {b"", kind, kind + b"/" + part.subtype.encode()}:
                continue
            for text in self._searched(part, left):
                left -= len(text)
                yield text
            if left <= 0:
                return

    def _searched(self, part: Part, limit: int) -> Iterator[bytes]:
        if part.parts:
            first, last = part.parts[0], part.parts[-1]
            yield self._octets(Span(part.body.start, first.header.start), limit)
            yield self._octets(Span(last.body.end, part.body.end), limit)
        elif part.message is not None:
            yield self._octets(part.message.header, limit)
        else:
            octets = decode_transfer(self._octets(part.body, limit), part.encoding)
            if part.type == "text":
                octets = decode_octets(octets, part.parameter("charset") or "utf-8", cut=True).encode("utf-8", "replace")
            yield octets

    def _octets(self, span: Span, limit: int) -> bytes:
        """Octets of the content; its header section is in front of the body and never asked for here."""
        before = len(self._parsed.header)
        start, end = max(0, span.start - before), max(0, span.end - before)
        return bytes(self._parsed.body[start : min(end, start + max(0, limit))])


def _by_name(header: bytes) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for field in fields(header[:MAX_HEADER]):
        found.setdefault(field.name.lower(), []).append(field.value)
    return found


def _decoded(values: list[bytes]) -> list[bytes]:
    return [decode_value(raw).strip().encode("utf-8", "replace") for raw in values]


def _walk(part: Part) -> Iterator[Part]:
    yield part
    for child in part.parts:
        yield from _walk(child)
    if part.message is not None:
        yield from _walk(part.message)
