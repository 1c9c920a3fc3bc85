"""POP3 without a socket: octets in, commands out; replies as values that render to octets.

    decoder.feed(octets)
    while (command := decoder.next_command()) is not None: ...

The decoder holds at most one unfinished line beyond what one `feed` brought, however long the client makes its lines.
A line may end in a bare LF, which people at a terminal send; everything sent ends in CRLF (RFC 1939 §3).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from mailstead.wire.sasl import MAX_RESPONSE

MAX_COMMAND = 255  # octets of a command line with its CRLF, RFC 2449 §4
MAX_AUTH_LINE = MAX_RESPONSE + 2  # octets of a SASL response with its CRLF
MAX_DIGITS = 10  # of a message number or line count


@dataclass(frozen=True, slots=True)
class Capa:
    """CAPA, RFC 2449 §5."""


@dataclass(frozen=True, slots=True)
class User:
    """USER name, RFC 1939 §7."""

    name: str


@dataclass(frozen=True, slots=True)
class Pass:
    """PASS string: everything behind the first space, spaces too, RFC 1939 §7."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Auth:
    """AUTH mechanism [initial response, still in base64], RFC 5034 §4; without a mechanism, a request for the list of them."""

    mechanism: str | None
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stls:
    """STLS, RFC 2595 §4."""


@dataclass(frozen=True, slots=True)
class Utf8:
    """UTF8, RFC 6856 §2."""


@dataclass(frozen=True, slots=True)
class Lang:
    """LANG [language range], RFC 6856 §3."""

    wanted: str | None


@dataclass(frozen=True, slots=True)
class Stat:
    """STAT, RFC 1939 §5."""


@dataclass(frozen=True, slots=True)
class List:
    """LIST [number], RFC 1939 §5."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Uidl:
    """UIDL [number], RFC 1939 §7."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Retr:
    """RETR number, RFC 1939 §5."""

    number: int


@dataclass(frozen=True, slots=True)
class Top:
    """TOP number lines, RFC 1939 §7."""

    number: int
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    """DELE number, RFC 1939 §5."""

    number: int


@dataclass(frozen=True, slots=True)
class Rset:
    """RSET, RFC 1939 §5."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP, RFC 1939 §5."""


@dataclass(frozen=True, slots=True)
class Quit:
    """QUIT, RFC 1939 §4 and §6."""


@dataclass(frozen=True, slots=True)
class BadCommand:
    """A line that is no command; `reason` is our own text and may be told."""

    reason: str


Command = (
    Capa | User | Pass | Auth | Stls | Utf8 | Lang | Stat | List | Uidl | Retr | Top | Dele | Rset | Noop | Quit | BadCommand
)

TOO_LONG = BadCommand("line too long")


class ResponseCode(Enum):
    """What a client's program may act upon (RFC 2449 §8, RFC 3206, RFC 6856 §5)."""

    IN_USE = "IN-USE"
    SYS_TEMP = "SYS/TEMP"
    AUTH = "AUTH"
    LOGIN_DELAY = "LOGIN-DELAY"
    UTF8 = "UTF8"


@dataclass(frozen=True, slots=True)
class Reply:
    """One status line. A response code appears only with -ERR (RFC 2449 §8)."""

    ok: bool
    text: str
    code: ResponseCode | None = None

    def render(self) -> bytes:
        status = "+OK" if self.ok else "-ERR"
        code = f" [{self.code.value}]" if self.code else ""
        text = f" {self.text}" if self.text else ""
        return f"{status}{code}{text}\r\n".encode("ascii")


END = b".\r\n"  # ends a multi-line response, RFC 1939 §3


class Decoder:
    """Cuts what a client sends into commands, or into lines of a SASL exchange."""

    __slots__ = ("_buffer", "_skipping", "_start")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._skipping = False  # inside a line that is too long

    def feed(self, octets: bytes) -> None:
        """Take what arrived."""
        del self._buffer[: self._start]
        self._start = 0
        self._buffer += octets

    @property
    def pending(self) -> bool:
        """Whether anything was received that no command has used yet: after STLS nothing may be (RFC 2595 §4)."""
        return self._start < len(self._buffer) or self._skipping

    @property
    def line_waiting(self) -> bool:
        """Whether a whole line is there, so that the answer to the last one can wait for its company."""
        return self._buffer.find(b"\n", self._start) >= 0

    def next_command(self) -> Command | None:
        """The next command, or None until more octets arrive."""
        line = self._take(MAX_COMMAND)
        if line is None:
            return None
        return TOO_LONG if isinstance(line, BadCommand) else parse(line)

    def next_response(self) -> bytes | BadCommand | None:
        """The next line of a SASL exchange without its CRLF, or None until more octets arrive."""
        return self._take(MAX_AUTH_LINE)

    def following_retrs(self, limit: int) -> list[Retr]:
        """Up to `limit` RETR commands that stand next in line, taken; stops at the first line that is something else."""
        found: list[Retr] = []
        while len(found) < limit and not self._skipping:
            end = self._buffer.find(b"\n", self._start, self._start + MAX_COMMAND)
            if end < 0:
                break
            command = parse(_without_line_end(self._buffer[self._start : end + 1]))
            if not isinstance(command, Retr):
                break
            found.append(command)
            self._start = end + 1
        return found

    def _take(self, limit: int) -> bytes | BadCommand | None:
        end = self._buffer.find(b"\n", self._start)
        if end < 0:
            if len(self._buffer) - self._start > limit:
                self._skipping = True
            if self._skipping:
                self._buffer.clear()
                self._start = 0
            return None
        line = self._buffer[self._start : end + 1]
        self._start = end + 1
        if self._skipping or len(line) > limit:
            self._skipping = False
            return TOO_LONG
        return _without_line_end(line)


def _without_line_end(line: bytearray) -> bytes:
    return bytes(line[:-2] if line.endswith(b"\r\n") else line[:-1])


def parse(line: bytes) -> Command:
    """One command line without its CRLF. Keywords are case-insensitive, arguments stand behind single spaces (RFC 1939 §3)."""
    keyword, space, argument = line.partition(b" ")
    parser = _PARSERS.get(keyword.upper())
    if parser is None:
        return BadCommand("unknown command")
    try:
        return parser(argument if space else None)
    except ValueError as error:
        return BadCommand(str(error))


def _bare(command: Command) -> Callable[[bytes | None], Command]:
    def parser(argument: bytes | None) -> Command:
        if argument and argument.strip():
            raise ValueError("this command takes no argument")
        return command

    return parser


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > MAX_DIGITS:
        raise ValueError("a number is wanted")
    return int(digits)


def _required_number(argument: bytes | None) -> int:
    return _number((argument or b"").strip())


def _optional_number(argument: bytes | None) -> int | None:
    return _number(argument.strip()) if argument and argument.strip() else None


def _text(argument: bytes | None) -> str:
    if not argument:
        raise ValueError("an argument is wanted")
    if b"\0" in argument:
        raise ValueError("NUL in argument")
    try:
        return argument.decode()
    except UnicodeDecodeError as error:
        raise ValueError("argument is not UTF-8") from error


def _auth(argument: bytes | None) -> Command:
    words = (argument or b"").split()
    if len(words) > 2:
        raise ValueError("too many arguments")
    if not words:
        return Auth(None)
    return Auth(_text(words[0]), words[1] if len(words) == 2 else None)


def _top(argument: bytes | None) -> Command:
    words = (argument or b"").split()
    if len(words) != 2:
        raise ValueError("a message number and a number of lines are wanted")
    return Top(_number(words[0]), _number(words[1]))


_PARSERS: dict[bytes, Callable[[bytes | None], Command]] = {
    b"CAPA": _bare(Capa()),
    b"USER": lambda argument: User(_text(argument).strip()),
    b"PASS": lambda argument: Pass(_text(argument)),
    b"AUTH": _auth,
    b"STLS": _bare(Stls()),
    b"UTF8": _bare(Utf8()),
    b"LANG": lambda argument: Lang(_text(argument).strip() or None if argument else None),
    b"STAT": _bare(Stat()),
    b"LIST": lambda argument: List(_optional_number(argument)),
    b"UIDL": lambda argument: Uidl(_optional_number(argument)),
    b"RETR": lambda argument: Retr(_required_number(argument)),
    b"TOP": _top,
    b"DELE": lambda argument: Dele(_required_number(argument)),
    b"RSET": _bare(Rset()),
    b"NOOP": _bare(Noop()),
    b"QUIT": _bare(Quit()),
}
