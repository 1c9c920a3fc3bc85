"""Strings of a script as they will be used: octets, with references to variables where there are any (RFC 5229 §3).

All values of the language are UTF-8 octets, so that comparators see what the RFCs define them on and a wildcard may
stand for part of a character (RFC 5228 §2.7.1).
"""

import re
from dataclasses import dataclass

from mailstead.wire.sieve.errors import Position, ScriptError

MAX_MATCH_INDEX = 99

_ENCODED = re.compile(
    rb"\$\{hex:BLANK*+([0-9a-f]{1,2}(?:BLANK++[0-9a-f]{1,2})*+)BLANK*+\}"
    rb"|\$\{unicode:BLANK*+([0-9a-f]++(?:BLANK++[0-9a-f]++)*+)BLANK*+\}".replace(b"BLANK", rb"[ \t\r\n]"),
    re.IGNORECASE,
)
_REFERENCE = re.compile(rb"\$\{((?:[a-z_][a-z0-9_]*+\.(?:[a-z0-9_]++\.)*+)?+(?:[a-z_][a-z0-9_]*+|[0-9]++))\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Variable:
    """`${name}`, the name in lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Match:
    """`${index}`: a part of what the last successful `:matches` matched (RFC 5229 §3.2)."""

    index: int


Piece = bytes | Variable | Match


@dataclass(frozen=True, slots=True)
class Text:
    """Pieces to be joined. `written` is the string before anything was put in (RFC 5230 §4.2 asks for it)."""

    pieces: tuple[Piece, ...]
    written: bytes

    @property
    def constant(self) -> bytes | None:
        """The value where it is always the same."""
        if not self.pieces:
            return b""
        only = self.pieces[0]
        return only if len(self.pieces) == 1 and isinstance(only, bytes) else None


def constant(value: bytes) -> Text:
    return Text((value,) if value else (), value)


def decode_characters(value: bytes, at: Position) -> bytes:
    """`${hex:…}` and `${unicode:…}` replaced (RFC 5228 §2.4.2.4). Raises ScriptError for what is no Unicode character."""

    def replace(match: re.Match[bytes]) -> bytes:
        if match[1] is not None:
            return bytes(int(pair, 16) for pair in match[1].split())
        return b"".join(_character(digits, at) for digits in match[2].split())

    return _ENCODED.sub(replace, value) if b"${" in value else value


def _character(digits: bytes, at: Position) -> bytes:
    number = int(digits[-8:], 16) if not digits[:-8].strip(b"0") else 0x110000
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise ScriptError(at, f"{digits[:20].decode()} is no Unicode character")
    return chr(number).encode()


def with_references(value: bytes, at: Position) -> Text:
    """A string with its `${…}` found. Raises ScriptError for a namespace, which no extension here provides."""
    pieces: list[Piece] = []
    end = 0
    for match in _REFERENCE.finditer(value):
        name = match[1].decode().lower()
        if "." in name:
            raise ScriptError(at, f"there are no variables {name!r}")
        if value[end : match.start()]:
            pieces.append(value[end : match.start()])
        if name.isdigit():
            digits = name.lstrip("0") or "0"
            if len(digits) > 2:
                raise ScriptError(at, f"match variables end at ${{{MAX_MATCH_INDEX}}}")
            pieces.append(Match(int(digits)))
        else:
            pieces.append(Variable(name))
        end = match.end()
    if value[end:]:
        pieces.append(value[end:])
    return Text(tuple(pieces), value)
