"""A script as tokens (RFC 5228 §8.1). Lines may end in LF alone; strings get CRLF, as messages want it."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mailstead.wire.sieve.errors import Position, ScriptError

MAX_NUMBER = 2**63 - 1

_TOKEN = re.compile(
    r"""
    (?P<space>(?:[ \t\n]++|\#[^\n]*+|/\*(?s:.)*?\*/)++)
    |(?P<multiline>(?i:text):[ \t]*+(?:\#[^\n]*+)?\n)
    |(?P<identifier>[A-Za-z_][A-Za-z0-9_]*+)
    |:(?P<tag>[A-Za-z_][A-Za-z0-9_]*+)
    |(?P<number>[0-9]++[KMGkmg]?)(?![A-Za-z0-9_])
    |"(?P<string>(?:[^"\\]++|\\(?s:.))*+)"
    |(?P<separator>[\[\](){},;])
    """,
    re.VERBOSE,
)
_END_OF_TEXT = re.compile(r"^\.(?:\n|\Z)", re.MULTILINE)
_STUFFED = re.compile(r"^\.\.", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


class Kind(Enum):
    """What a token is."""

    IDENTIFIER = "identifier"
    TAG = "tag"
    NUMBER = "number"
    STRING = "string"
    SEPARATOR = "separator"
    END = "end of the script"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` of identifiers and tags is lower case, of strings it is their value, of numbers the decimal digits."""

    kind: Kind
    text: str
    at: Position


class _Source:
    """The text of a script, and where its lines begin."""

    def __init__(self, script: bytes) -> None:
        try:
            text = script.decode()
        except UnicodeDecodeError as error:
            text = script[: error.start].decode().replace("\r\n", "\n")
            raise ScriptError(_Source.end_of(text), "the script is not UTF-8") from error
        self.text = text.replace("\r\n", "\n")
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        for unwanted, name in (("\0", "NUL"), ("\r", "a CR without LF")):
            if (at := self.text.find(unwanted)) >= 0:
                raise ScriptError(self.position(at), f"{name} in the script")

    def position(self, at: int) -> Position:
        line = bisect_right(self._starts, at)
        return Position(line, at - self._starts[line - 1] + 1)

    @staticmethod
    def end_of(text: str) -> Position:
        return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def tokens(script: bytes) -> Iterator[Token]:
    """The tokens of a script and, last, one of kind END. Raises ScriptError at the first thing that is no token."""
    source = _Source(script)
    text, at = source.text, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ScriptError(source.position(at), _why_no_token(text, at))
        start, at = at, match.end()
        if match.lastgroup == "space":
            continue
        where = source.position(start)
        match match.lastgroup:
            case "identifier":
                yield Token(Kind.IDENTIFIER, match["identifier"].lower(), where)
            case "tag":
                yield Token(Kind.TAG, match["tag"].lower(), where)
            case "number":
                yield Token(Kind.NUMBER, _number(match["number"], where), where)
            case "string":
                yield Token(Kind.STRING, _ESCAPED.sub(r"\1", match["string"]).replace("\n", "\r\n"), where)
            case "multiline":
                end = _END_OF_TEXT.search(text, at)
                if end is None:
                    raise ScriptError(where, 'this text has no end: a line with "." alone')
                yield Token(Kind.STRING, _STUFFED.sub(".", text[at : end.start()]).replace("\n", "\r\n"), where)
                at = end.end()
            case "separator":
                yield Token(Kind.SEPARATOR, match["separator"], where)
    yield Token(Kind.END, "", source.position(len(text)))


def _number(spelled: str, where: Position) -> str:
    unit = _UNITS.get(spelled[-1].upper(), 1)
    digits = spelled if unit == 1 else spelled[:-1]
    if len(digits) > 20 or int(digits) * unit > MAX_NUMBER:
        raise ScriptError(where, "the number is too large")
    return str(int(digits) * unit)


def _why_no_token(text: str, at: int) -> str:
    if text[at] == '"':
        return "this string has no end"
    if text.startswith("/*", at):
        return "this comment has no end"
    if text[at] == ":":
        return "a tag has a name behind its colon"
    if text[at].isdigit():
        return "a number ends in a digit, K, M or G"
    return f"{text[at]!r} cannot stand here"
