"""BODYSTRUCTURE and BODY, ready for the wire (RFC 9051 §7.5.2)."""

from mailstead.wire.imap_strings import quoted_or_literal
from mailstead.wire.mime import Parameters, Part


def render_bodystructure(part: Part) -> bytes:
    """With extension data."""
    return _render(part, extended=True)


def render_body(part: Part) -> bytes:
    """Without extension data: what FETCH BODY gives."""
    return _render(part, extended=False)


def _render(part: Part, *, extended: bool) -> bytes:
    if part.parts:
        rendered = b"".join(_render(child, extended=extended) for child in part.parts) + b" " + _string(part.subtype)
        if extended:
            rendered += b" " + b" ".join((_parameters(part.parameters), *_extension(part)))
        return b"(" + rendered + b")"
    fields = [
        _string(part.type),
        _string(part.subtype),
        _parameters(part.parameters),
        _string(part.content_id),
        _string(part.description),
        _string(part.encoding),
        b"%d" % (part.body.end - part.body.start),
    ]
    if part.message is not None:
        fields += [part.envelope or b"NIL", _render(part.message, extended=extended), b"%d" % part.lines]
    elif part.type == "text":
        fields.append(b"%d" % part.lines)
    if extended:
        fields += [_string(part.md5), *_extension(part)]
    return b"(" + b" ".join(fields) + b")"


def _extension(part: Part) -> tuple[bytes, bytes, bytes]:
    disposition = b"NIL"
    if part.disposition is not None:
        disposition = b"(%b %b)" % (_string(part.disposition[0]), _parameters(part.disposition[1]))
    if not part.language:
        language = b"NIL"
    elif len(part.language) == 1:
        language = _string(part.language[0])
    else:
        language = b"(%b)" % b" ".join(map(_string, part.language))
    return disposition, language, _string(part.location)


def _string(value: str | None) -> bytes:
    return quoted_or_literal(None if value is None else value.encode("latin-1"))


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(%b)" % b" ".join(_string(text) for pair in parameters for text in pair)
