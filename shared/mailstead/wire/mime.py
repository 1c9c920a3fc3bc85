"""One pass over a message: the tree of its parts and where each begins and ends (RFC 2045, RFC 2046).

Every message has a structure: what is malformed is described as well as it can be, what is nested too deeply is opaque.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from mailstead.wire.envelope import render_envelope_of
from mailstead.wire.headers import comment_end, first_values, header_end, split_header, unfold

MAX_DEPTH = 50  # levels of nesting
MAX_PARTS = 10_000  # of one message
MAX_HEADERS = 1024 * 1024  # octets of the header sections within one message that are looked at
MAX_CANDIDATES = 100_000  # places in one message that begin like a delimiter
MAX_PARAMETERS = 100  # of one field
MAX_FIELD = 16 * 1024  # octets of one MIME field that are looked at

_TYPE = re.compile(rb"([!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+)\s*/\s*([!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+)")
_WORD = re.compile(rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s;]*))', re.DOTALL)
_NO_COMMENT = re.compile(rb'[^"(]+|"(?:[^"\\]+|\\.)*+"?', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_LANGUAGE = re.compile(rb"[A-Za-z0-9-]+")

Parameters = tuple[tuple[str, str], ...]
_PLAIN: tuple[str, str, Parameters] = ("text", "plain", (("charset", "us-ascii"),))


class Span(NamedTuple):
    """Octets [start, end) of the scanned message."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """A body part, or the message itself. Strings hold octets one to one (Latin-1), as they stand in the header.

    `lines` counts line ends of text and message parts. A message/rfc822 part has a `message` and that message's `envelope`, ready
    for the wire; a multipart has `parts`.
    """

    type: str
    subtype: str
    parameters: Parameters
    content_id: str | None
    description: str | None
    encoding: str
    md5: str | None
    disposition: tuple[str, Parameters] | None
    language: tuple[str, ...]
    location: str | None
    header: Span
    body: Span
    lines: int
    parts: tuple["Part", ...] = ()
    envelope: bytes | None = None
    message: "Part | None" = None

    def parameter(self, name: str) -> str | None:
        """A Content-Type parameter by its lower-case name."""
        return next((value for key, value in self.parameters if key.lower() == name), None)


def scan(message: bytes) -> Part:
    """The structure of a whole message, header section included. Never raises, whatever the octets are."""
    body_start = split_header(message)
    return scan_body(message, first_values(message[:body_start]), body_start)


def scan_body(message: bytes | bytearray, values: dict[bytes, bytes], body_start: int) -> Part:
    """As `scan`, for a header section that was taken apart already."""
    return _Scanner(message).part(values, Span(0, body_start), Span(body_start, len(message)), 0, in_digest=False)


class _Scanner:
    def __init__(self, message: bytes | bytearray) -> None:
        self._message = message
        self._parts = 0
        self._headers_left = MAX_HEADERS
        self._candidates_left = MAX_CANDIDATES

    def part(self, values: dict[bytes, bytes], header: Span, body: Span, depth: int, *, in_digest: bool) -> Part:
        kind, subtype, parameters = _content_type(values.get(b"content-type"), in_digest)
        self._parts += 1
        parts: tuple[Part, ...] = ()
        message: Part | None = None
        envelope: bytes | None = None
        if kind == "multipart":
            boundary = next((value for name, value in parameters if name.lower() == "boundary"), "")
            if boundary and depth < MAX_DEPTH and self._parts < MAX_PARTS:
                parts = self._multipart(boundary.encode("latin-1"), body, depth, in_digest=subtype == "digest")
            else:
                kind, subtype, parameters = _PLAIN  # RFC 2045 §5.2: what makes no sense is plain text
        elif kind == "message" and subtype in ("rfc822", "global"):
            if depth < MAX_DEPTH and self._parts < MAX_PARTS:
                inner_values, inner_header, inner_body = self._split(body)
                envelope = render_envelope_of(inner_values)
                message = self.part(inner_values, inner_header, inner_body, depth + 1, in_digest=False)
            else:
                kind, subtype = "application", "octet-stream"
        return Part(
            kind,
            subtype,
            parameters,
            _text(values.get(b"content-id")),
            _text(values.get(b"content-description")),
            _encoding(values.get(b"content-transfer-encoding")),
            _text(values.get(b"content-md5")),
            _disposition(values.get(b"content-disposition")),
            _languages(values.get(b"content-language")),
            _text(values.get(b"content-location")),
            header,
            body,
            self._message.count(b"\n", body.start, body.end) if kind in ("text", "message") else 0,
            parts,
            envelope,
            message,
        )

    def _split(self, span: Span) -> tuple[dict[bytes, bytes], Span, Span]:
        """Header and body of an entity. Its own header section is small; a copy of it is looked at, not of the body."""
        start, end = span
        middle = header_end(self._message, start, end)
        looked_at = min(middle - start, self._headers_left)
        self._headers_left -= looked_at
        return first_values(bytes(self._message[start : start + looked_at])), Span(start, middle), Span(middle, end)

    def _multipart(self, boundary: bytes, body: Span, depth: int, *, in_digest: bool) -> tuple[Part, ...]:
        found: list[Part] = []
        start = -1  # of the part that is open
        for line_start, line_end, last in self._delimiters(b"--" + boundary, body):
            if start >= 0:
                found.append(self._child(start, max(start, line_start), depth, in_digest=in_digest))
            start = -1 if last else line_end
            if last or self._parts >= MAX_PARTS:
                break
        if start >= 0:
            found.append(self._child(start, body.end, depth, in_digest=in_digest))  # the closing delimiter is missing
        if not found:
            found.append(self.part({}, Span(body.start, body.start), body, depth + 1, in_digest=False))
        return tuple(found)

    def _child(self, start: int, end: int, depth: int, *, in_digest: bool) -> Part:
        return self.part(*self._split(Span(start, end)), depth + 1, in_digest=in_digest)

    def _delimiters(self, mark: bytes, body: Span) -> list[tuple[int, int, bool]]:
        """Each delimiter line (RFC 2046 §5.1.1): the end of what precedes it, the start of what follows, whether it closes."""
        message, at = self._message, body.start
        found: list[tuple[int, int, bool]] = []
        while (at := message.find(mark, at, body.end)) >= 0 and self._candidates_left > 0:
            self._candidates_left -= 1
            if at > body.start and message[at - 1] != 0x0A:
                at += len(mark)
                continue
            line_end = message.find(b"\n", at, body.end)
            line_end = body.end if line_end < 0 else line_end + 1
            rest = message[at + len(mark) : line_end]
            closes = rest.startswith(b"--")
            if not (rest[2:] if closes else rest).strip():
                before = at - 1 if at > body.start else at
                if before > body.start and message[before - 1] == 0x0D:
                    before -= 1
                found.append((before, line_end, closes))
            at = max(line_end - 1, at + len(mark))
        return found


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else unfold(raw[:MAX_FIELD]).decode("latin-1")


def _content_type(raw: bytes | None, in_digest: bool) -> tuple[str, str, Parameters]:
    if raw is None and in_digest:
        return "message", "rfc822", ()  # RFC 2046 §5.1.5
    value = _without_comments(raw)
    match = _TYPE.match(value)
    if match is None:
        return _PLAIN  # RFC 2045 §5.2
    return match[1].decode("latin-1").lower(), match[2].decode("latin-1").lower(), _parameters(value[match.end() :])


def _parameters(value: bytes) -> Parameters:
    found: list[tuple[str, str]] = []
    for match in _PARAMETER.finditer(value):
        text = _QUOTED_PAIR.sub(rb"\1", match[2]) if match[2] is not None else match[3]
        found.append((match[1].decode("latin-1"), text.decode("latin-1")))
        if len(found) == MAX_PARAMETERS:
            break
    return tuple(found)


def _without_comments(raw: bytes | None) -> bytes:
    if raw is None:
        return b""
    value = unfold(raw[:MAX_FIELD])
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    at = 0
    while at < len(value):
        match = _NO_COMMENT.match(value, at)
        kept.append(match[0] if match else b" ")
        at = match.end() if match else comment_end(value, at)
    return b"".join(kept).strip()


def _encoding(raw: bytes | None) -> str:
    match = _WORD.search(_without_comments(raw))
    return match[0].decode("latin-1").lower() if match else "7bit"


def _disposition(raw: bytes | None) -> tuple[str, Parameters] | None:
    value = _without_comments(raw)
    match = _WORD.match(value)
    return (match[0].decode("latin-1").lower(), _parameters(value[match.end() :])) if match else None


def _languages(raw: bytes | None) -> tuple[str, ...]:
    return tuple(word.decode("latin-1") for word in _LANGUAGE.findall(_without_comments(raw))[:MAX_PARAMETERS])
