"""A part tree as the store keeps it, and which octets a FETCH section means (RFC 9051 §6.4.5)."""

from typing import Any

import orjson

from mailstead.wire.mime import Part, Span


def pack(part: Part) -> bytes:
    """Nested JSON arrays; spans and all strings survive as they are."""
    return orjson.dumps(_plain(part))


def unpack(packed: bytes) -> Part:
    """The reverse of `pack`. Raises ValueError for anything else."""
    try:
        return _part(orjson.loads(packed))
    except (TypeError, IndexError, AttributeError) as error:
        raise ValueError("not a packed structure") from error


def _plain(part: Part) -> list[Any]:
    return [
        part.type,
        part.subtype,
        part.parameters,
        part.content_id,
        part.description,
        part.encoding,
        part.md5,
        part.disposition,
        part.language,
        part.location,
        tuple(part.header),
        tuple(part.body),
        part.lines,
        [_plain(child) for child in part.parts],
        None if part.envelope is None else part.envelope.decode("latin-1"),
        None if part.message is None else _plain(part.message),
    ]


def _part(plain: list[Any]) -> Part:
    (kind, subtype, parameters, content_id, description, encoding, md5, disposition, language, location, header, body, lines,
     parts, envelope, message) = plain  # fmt: skip
    return Part(
        kind,
        subtype,
        _pairs(parameters),
        content_id,
        description,
        encoding,
        md5,
        None if disposition is None else (disposition[0], _pairs(disposition[1])),
        tuple(language),
        location,
        Span(*header),
        Span(*body),
        lines,
        tuple(map(_part, parts)),
        None if envelope is None else envelope.encode("latin-1"),
        None if message is None else _part(message),
    )


def _pairs(plain: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in plain)


def section(part: Part, numbers: tuple[int, ...], what: str) -> Span | None:
    """The octets of BODY[numbers.what], or None where the message has no such section.

    `what` is "", "HEADER", "TEXT" or "MIME". Without numbers the message itself is meant; MIME needs numbers.
    """
    if not numbers:
        return {"": Span(part.header.start, part.body.end), "HEADER": part.header, "TEXT": part.body}.get(what)
    found = find(part, numbers)
    if found is None:
        return None
    if what == "":
        return found.body
    if what == "MIME":
        return found.header
    if found.message is None:
        return None  # HEADER and TEXT are of an enclosed message only
    return found.message.header if what == "HEADER" else found.message.body


def find(part: Part, numbers: tuple[int, ...]) -> Part | None:
    """The part that the numbers name: those of a multipart's children; 1 is the only part of any other message."""
    container: Part | None = part
    found: Part | None = None
    for number in numbers:
        if container is None or number < 1:
            return None
        if container.parts:
            found = container.parts[number - 1] if number <= len(container.parts) else None
        else:
            found = container if number == 1 else None
        if found is None:
            return None
        # What a further number counts in: the enclosed message, or the children of a multipart.
        container = found.message or (found if found.parts else None)
    return found
