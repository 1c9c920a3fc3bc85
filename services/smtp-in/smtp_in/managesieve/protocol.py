"""ManageSieve without a socket: octets in, commands out (RFC 5804 §4).

    decoder.feed(octets)
    while (command := decoder.next_command()) is not None: ...

A command is a line whose strings may be literals of any octets, which the client sends without being asked. The decoder holds at
most one command: a literal that is too long is passed over as it comes, however long it says it is.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

MAX_LINE = 16 * 1024  # octets between literals; an initial response is the longest thing that may stand there
MAX_STRINGS = 8  # of one command
MAX_NUMBER = 2**32 - 1

_TOKEN = re.compile(
    rb'"(?P<quoted>(?:[^"\\\r\n\0]++|\\["\\])*+)"|\{(?P<literal>[0-9]{1,10})\+\}\Z|(?P<atom>[!#-\'*-\[\]-z|-~]++)'
)
_ESCAPED = re.compile(rb'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE mechanism [initial response, still in base64], RFC 5804 §2.1."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS, RFC 5804 §2.2."""


@dataclass(frozen=True, slots=True)
class Logout:
    """LOGOUT, RFC 5804 §2.3."""


@dataclass(frozen=True, slots=True)
class Capability:
    """CAPABILITY, RFC 5804 §2.4."""


@dataclass(frozen=True, slots=True)
class HaveSpace:
    """HAVESPACE name size, RFC 5804 §2.5."""

    name: str
    octets: int


@dataclass(frozen=True, slots=True)
class PutScript:
    """PUTSCRIPT name script, RFC 5804 §2.6."""

    name: str
    script: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListScripts:
    """LISTSCRIPTS, RFC 5804 §2.7."""


@dataclass(frozen=True, slots=True)
class SetActive:
    """SETACTIVE name, RFC 5804 §2.8; an empty name: none."""

    name: str


@dataclass(frozen=True, slots=True)
class GetScript:
    """GETSCRIPT name, RFC 5804 §2.9."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteScript:
    """DELETESCRIPT name, RFC 5804 §2.10."""

    name: str


@dataclass(frozen=True, slots=True)
class RenameScript:
    """RENAMESCRIPT old new, RFC 5804 §2.11."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class CheckScript:
    """CHECKSCRIPT script, RFC 5804 §2.12."""

    script: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP [tag], RFC 5804 §2.13."""

    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Unauthenticate:
    """UNAUTHENTICATE, RFC 5804 §2.14.1."""


@dataclass(frozen=True, slots=True)
class BadCommand:
    """What is no command; `reason` is our own text and may be told."""

    reason: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A command with a literal beyond what is taken; it has been passed over."""


Command = (
    Authenticate
    | StartTls
    | Logout
    | Capability
    | HaveSpace
    | PutScript
    | ListScripts
    | SetActive
    | GetScript
    | DeleteScript
    | RenameScript
    | CheckScript
    | Noop
    | Unauthenticate
    | BadCommand
    | TooLarge
)


@dataclass(frozen=True, slots=True)
class _String:
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Atom:
    text: str


_Token = _String | _Atom


class Decoder:
    """Cuts what a client sends into commands, or into strings of a SASL exchange. `max_literal`: octets of one literal."""

    __slots__ = ("_buffer", "_fault", "_literal", "_max_literal", "_passing_over", "_skipping_line", "_start", "_tokens")

    def __init__(self, max_literal: int) -> None:
        self._max_literal = max_literal
        self._buffer = bytearray()
        self._start = 0
        self._tokens: list[_Token] = []  # of the command under way
        self._literal: int | None = None  # octets of the literal that comes now, or that are left of it
        self._passing_over = False  # that literal is too long
        self._skipping_line = False
        self._fault: BadCommand | TooLarge | None = None  # of the command under way; it is still read to its end

    def feed(self, octets: bytes) -> None:
        """Take what arrived."""
        del self._buffer[: self._start]
        self._start = 0
        self._buffer += octets

    @property
    def pending(self) -> bool:
        """Whether anything was received that no command has used yet: after STARTTLS nothing may be (RFC 5804 §2.2)."""
        return self._start < len(self._buffer) or bool(self._tokens) or self._literal is not None or self._skipping_line

    def next_command(self) -> Command | None:
        """The next command, or None until more octets arrive."""
        tokens = self._next()
        if tokens is None or isinstance(tokens, BadCommand | TooLarge):
            return tokens
        return parse(tokens)

    def next_response(self) -> bytes | BadCommand | None:
        """The next string of a SASL exchange, or None until more octets arrive."""
        tokens = self._next()
        if tokens is None or isinstance(tokens, BadCommand):
            return tokens
        if isinstance(tokens, TooLarge) or len(tokens) != 1 or not isinstance(tokens[0], _String):
            return BadCommand("A string is wanted")
        return tokens[0].octets

    def _next(self) -> Sequence[_Token] | BadCommand | TooLarge | None:
        while True:
            if self._literal is not None and not self._take_literal():
                return None
            line = self._take_line()
            if line is None:
                return None
            self._tokenise(line)
            if self._literal is None:
                tokens, fault = self._tokens, self._fault
                self._tokens, self._fault = [], None
                return fault or tokens

    def _take_literal(self) -> bool:
        """Whether all of it was there."""
        assert self._literal is not None
        waiting = len(self._buffer) - self._start
        if self._passing_over:
            passed = min(self._literal, waiting)
            self._start += passed
            self._literal -= passed
            if self._literal:
                return False
        elif waiting < self._literal:
            return False
        else:
            self._tokens.append(_String(bytes(self._buffer[self._start : self._start + self._literal])))
            self._start += self._literal
        self._literal, self._passing_over = None, False
        return True

    def _take_line(self) -> bytes | None:
        """Up to the next line end, without it; a line that is too long is a fault, and empty."""
        end = self._buffer.find(b"\n", self._start)
        if end < 0:
            if len(self._buffer) - self._start > MAX_LINE:
                self._skipping_line = True
            if self._skipping_line:
                self._buffer.clear()
                self._start = 0
            return None
        line = bytes(self._buffer[self._start : end])
        self._start = end + 1
        if self._skipping_line or len(line) > MAX_LINE:
            self._skipping_line = False
            self._fault = self._fault or BadCommand("Line too long")
            return b""
        return line.removesuffix(b"\r")

    def _tokenise(self, line: bytes) -> None:
        at = 0
        while at < len(line):
            if line[at] == 0x20:
                at += 1
                continue
            match = _TOKEN.match(line, at)
            if match is None or len(self._tokens) > MAX_STRINGS:
                # What follows may still announce a literal, which has to be read as one.
                self._fault = self._fault or BadCommand("Syntax error")
                match = re.search(rb"\{([0-9]{1,10})\+\}\Z", line)
                if match is not None:
                    self._announce(int(match[1]))
                return
            at = match.end()
            if match["literal"] is not None:
                self._announce(int(match["literal"]))
            elif match["atom"] is not None:
                self._tokens.append(_Atom(match["atom"].decode("ascii")))
            else:
                self._tokens.append(_String(_ESCAPED.sub(rb"\1", match["quoted"])))

    def _announce(self, octets: int) -> None:
        self._literal = octets
        if octets > self._max_literal:
            self._passing_over = True
            self._fault = self._fault or TooLarge()
        elif self._fault is not None:
            self._passing_over = True


def parse(tokens: Sequence[_Token]) -> Command:
    """One command. Names are case-insensitive, arguments have their places (RFC 5804 §4)."""
    if not tokens or not isinstance(tokens[0], _Atom):
        return BadCommand("A command is wanted")
    parser = _PARSERS.get(tokens[0].text.upper())
    if parser is None:
        return BadCommand("Unknown command")
    try:
        return parser(tokens[1:])
    except ValueError as error:
        return BadCommand(str(error))


def _count(arguments: Sequence[_Token], least: int, most: int) -> None:
    if len(arguments) < least:
        raise ValueError("An argument is missing")
    if len(arguments) > most:
        raise ValueError("Too many arguments")


def _octets(token: _Token) -> bytes:
    if not isinstance(token, _String):
        raise ValueError("A string is wanted")
    return token.octets


def _text(token: _Token) -> str:
    try:
        return _octets(token).decode()
    except UnicodeDecodeError as error:
        raise ValueError("A string is not UTF-8") from error


def _number(token: _Token) -> int:
    if not isinstance(token, _Atom) or not token.text.isdigit() or len(token.text) > 10 or int(token.text) > MAX_NUMBER:
        raise ValueError("A number is wanted")
    return int(token.text)


_Parser = Callable[[Sequence[_Token]], Command]


def _bare(command: Command) -> _Parser:
    def parser(arguments: Sequence[_Token]) -> Command:
        _count(arguments, 0, 0)
        return command

    return parser


def _named(make: Callable[[str], Command]) -> _Parser:
    def parser(arguments: Sequence[_Token]) -> Command:
        _count(arguments, 1, 1)
        return make(_text(arguments[0]))

    return parser


def _authenticate(arguments: Sequence[_Token]) -> Command:
    _count(arguments, 1, 2)
    return Authenticate(_text(arguments[0]), _octets(arguments[1]) if len(arguments) == 2 else None)


def _have_space(arguments: Sequence[_Token]) -> Command:
    _count(arguments, 2, 2)
    return HaveSpace(_text(arguments[0]), _number(arguments[1]))


def _put_script(arguments: Sequence[_Token]) -> Command:
    _count(arguments, 2, 2)
    return PutScript(_text(arguments[0]), _octets(arguments[1]))


def _rename_script(arguments: Sequence[_Token]) -> Command:
    _count(arguments, 2, 2)
    return RenameScript(_text(arguments[0]), _text(arguments[1]))


def _check_script(arguments: Sequence[_Token]) -> Command:
    _count(arguments, 1, 1)
    return CheckScript(_octets(arguments[0]))


def _noop(arguments: Sequence[_Token]) -> Command:
    _count(arguments, 0, 1)
    return Noop(_text(arguments[0]) if arguments else None)


_PARSERS: dict[str, _Parser] = {
    "AUTHENTICATE": _authenticate,
    "STARTTLS": _bare(StartTls()),
    "LOGOUT": _bare(Logout()),
    "CAPABILITY": _bare(Capability()),
    "HAVESPACE": _have_space,
    "PUTSCRIPT": _put_script,
    "LISTSCRIPTS": _bare(ListScripts()),
    "SETACTIVE": _named(SetActive),
    "GETSCRIPT": _named(GetScript),
    "DELETESCRIPT": _named(DeleteScript),
    "RENAMESCRIPT": _rename_script,
    "CHECKSCRIPT": _check_script,
    "NOOP": _noop,
    "UNAUTHENTICATE": _bare(Unauthenticate()),
}
