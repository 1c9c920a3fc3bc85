r"""Dialogs as text that anyone can read, played to a pure protocol object or to a live port.

Each line of a transcript is one step:

    # …          nothing; so is an empty line
    C: text      the client sends this line and CRLF
    C! text      the client sends exactly these octets: Python's escapes (\r \n \t \0 \xNN \\) are understood, no CRLF is added
    S: text      the server's next line is exactly this
    S~ regex     the server's next line matches this regular expression as a whole; named groups become ${variables}
    S* regex     any number of lines, up to and with the first that matches
    S! text      the server's next octets are exactly these (escapes as with C!); for literals
    S? text      from here on, nothing but this step: the server says nothing more (text is a remark)
    TLS          the client starts TLS now (after the server's reply to STARTTLS or STLS was expected)
    CLOSED       the server has closed the connection
    HANGUP       the client closes the connection
    FILE name    the client sends the file of that name beside the transcript, octet by octet as it is

`${name}` stands for a variable given by the test or captured before; any other `$` for itself. In a regular expression
its value is matched literally. All else the server says is a failure, at the next S or at the end.

    play(load(path), core.feed, {"user": "alice"})                     # feed(octets) -> what the server says to them
    play(load(path), core.feed, {…}, split=OCTETS)                     # the same, one octet at a time
    await play_live(load(path), "127.0.0.1", port, {…}, tls=context)   # tls: from the start; starttls: for the step TLS

    @pytest.mark.parametrize("path", transcripts("pop3"))
"""

import asyncio
import codecs
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

import pytest

FOLDER = Path(__file__).parent.parent / "transcripts"
REPLY_SECONDS = 10.0
QUIET_SECONDS = 0.2  # how long S? listens

_STEP = re.compile(r"(?P<kind>C:|C!|S:|S~|S\*|S!|S\?|TLS|CLOSED|HANGUP|FILE)(?: (?P<text>.*))?")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Kind(Enum):
    """What a step is, as it is written."""

    SEND_LINE = "C:"
    SEND_OCTETS = "C!"
    EXPECT_LINE = "S:"
    EXPECT_MATCH = "S~"
    EXPECT_UNTIL = "S*"
    EXPECT_OCTETS = "S!"
    EXPECT_NOTHING = "S?"
    START_TLS = "TLS"
    EXPECT_CLOSED = "CLOSED"
    HANG_UP = "HANGUP"
    SEND_FILE = "FILE"


class Split(Enum):
    """How what the client sends is cut into pieces."""

    WHOLE = "whole"  # all lines up to the next expectation at once, as a pipelining client does
    OCTETS = "octets"


WHOLE, OCTETS = Split.WHOLE, Split.OCTETS


@dataclass(frozen=True, slots=True)
class Step:
    where: str  # file:line, for failures
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    path: Path
    steps: tuple[Step, ...]


class Mismatch(AssertionError):
    """The server did not say what the transcript expects."""


def transcripts(protocol: str) -> list[object]:
    """All transcripts of `tests/transcripts/<protocol>/`, for `parametrize`."""
    return [pytest.param(path, id=path.stem) for path in sorted((FOLDER / protocol).glob("*.txt"))]


def load(path: Path) -> Transcript:
    """Raises ValueError, naming the line, for what is no step."""
    return parse(path.read_text(), path)


def parse(text: str, path: Path = Path("transcript")) -> Transcript:
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _STEP.fullmatch(line)
        if found is None:
            raise ValueError(f"{path}:{number}: no step of a transcript: {line!r}")
        steps.append(Step(f"{path.name}:{number}", Kind(found["kind"]), found["text"] or ""))
    return Transcript(path, tuple(steps))


def play(
    transcript: Transcript, feed: Callable[[bytes], bytes], variables: Mapping[str, str] | None = None, split: Split = WHOLE
) -> None:
    """To a protocol object without I/O. `feed(b"")` comes first, for the greeting. Steps about the connection are not played."""
    dialog = Dialog(variables)
    dialog.received += feed(b"")
    for sent, step in _grouped(transcript, dialog):
        for piece in _pieces(sent, split):
            dialog.received += feed(piece)
        if step is not None:
            dialog.expect(step)
    dialog.expect_end(transcript)


async def play_async(
    transcript: Transcript,
    feed: Callable[[bytes], Awaitable[bytes]],
    variables: Mapping[str, str] | None = None,
    split: Split = WHOLE,
) -> None:
    """As `play`, to something that has to be awaited."""
    dialog = Dialog(variables)
    dialog.received += await feed(b"")
    for sent, step in _grouped(transcript, dialog):
        for piece in _pieces(sent, split):
            dialog.received += await feed(piece)
        if step is not None:
            dialog.expect(step)
    dialog.expect_end(transcript)


async def play_live(
    transcript: Transcript,
    host: str,
    port: int,
    variables: Mapping[str, str] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    split: Split = WHOLE,
) -> dict[str, str]:
    """To a listening server. Returns the variables, with those that were captured."""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=host if tls else None)
    dialog = Dialog(variables)
    try:
        for sent, step in _grouped(transcript, dialog):
            for piece in _pieces(sent, split):
                writer.write(piece)
                await writer.drain()
            if step is None:
                continue
            match step.kind:
                case Kind.START_TLS:
                    assert starttls is not None, f"{step.where}: the test gave no context to start TLS with"
                    dialog.expect_end(transcript)
                    await writer.start_tls(starttls, server_hostname=host)
                case Kind.HANG_UP:
                    writer.close()
                case Kind.EXPECT_CLOSED:
                    dialog.expect_closed(step, await _rest(reader))
                case Kind.EXPECT_NOTHING:
                    dialog.received += await _more(reader, QUIET_SECONDS)
                    dialog.expect(step)
                case _:
                    await _expect_live(dialog, step, reader)
        dialog.expect_end(transcript)
    finally:
        writer.close()
    return dialog.variables


def _pieces(sent: bytes, split: Split) -> list[bytes]:
    if split is OCTETS:
        return [bytes((octet,)) for octet in sent]
    return [sent] if sent else []


class _Reader(Protocol):
    async def read(self, n: int) -> bytes: ...


async def _expect_live(dialog: "Dialog", step: Step, reader: _Reader) -> None:
    deadline = asyncio.get_running_loop().time() + REPLY_SECONDS
    while not dialog.is_answered(step):
        left = deadline - asyncio.get_running_loop().time()
        more = await _more(reader, left) if left > 0 else b""
        if not more:
            break
        dialog.received += more
    dialog.expect(step)


async def _more(reader: _Reader, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(65536)
    except (TimeoutError, ConnectionError):
        return b""


async def _rest(reader: _Reader) -> bytes | None:
    """What comes until the end of the stream; None when it does not end in time."""
    rest = b""
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            while more := await reader.read(65536):
                rest += more
    except ConnectionError:
        return rest
    except TimeoutError:
        return None
    return rest


def _grouped(transcript: Transcript, dialog: "Dialog") -> Iterator[tuple[bytes, Step | None]]:
    """What is sent before each step that is not a sending, then that step; what is sent last goes with None.

    Text is filled in late, since a step may capture what the next ones send.
    """
    sent: list[Step] = []
    for step in transcript.steps:
        if step.kind in (Kind.SEND_LINE, Kind.SEND_OCTETS, Kind.SEND_FILE):
            sent.append(step)
        else:
            yield b"".join(dialog.octets(each, transcript.path.parent) for each in sent), step
            sent = []
    if sent:
        yield b"".join(dialog.octets(each, transcript.path.parent) for each in sent), None


@dataclass
class Dialog:
    """One playing of a transcript: its variables, and what the server said that nothing has expected yet."""

    given: Mapping[str, str] | None
    received: bytes = b""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variables.update(self.given or {})

    def octets(self, step: Step, folder: Path) -> bytes:
        """What a sending step sends."""
        match step.kind:
            case Kind.SEND_FILE:
                return (folder / step.text).read_bytes()
            case Kind.SEND_OCTETS:
                return _unescape(self._filled(step))
            case _:
                return self._filled(step).encode() + b"\r\n"

    def is_answered(self, step: Step) -> bool:
        """Whether enough was received to judge this step."""
        match step.kind:
            case Kind.EXPECT_OCTETS:
                return len(self.received) >= len(_unescape(self._filled(step)))
            case Kind.EXPECT_UNTIL:
                pattern = self._pattern(step)
                return any(pattern.fullmatch(_text(line)) for line in self.received.split(b"\r\n")[:-1])
            case _:
                return b"\r\n" in self.received

    def expect(self, step: Step) -> None:
        """Take from what was received what the step expects. Raises Mismatch."""
        match step.kind:
            case Kind.EXPECT_LINE:
                line = self._line(step)
                if line != (wanted := self._filled(step)):
                    raise Mismatch(f"{step.where}\n  expected: {wanted}\n  received: {line}")
            case Kind.EXPECT_MATCH:
                line = self._line(step)
                if not self._captures(step, line):
                    raise Mismatch(f"{step.where}\n  expected to match: {self._pattern(step).pattern}\n  received: {line}")
            case Kind.EXPECT_UNTIL:
                while not self._captures(step, self._line(step)):
                    pass
            case Kind.EXPECT_OCTETS:
                wanted_octets = _unescape(self._filled(step))
                if not self.received.startswith(wanted_octets):
                    raise Mismatch(
                        f"{step.where}\n  expected: {wanted_octets!r}\n  received: {self.received[: len(wanted_octets) + 40]!r}"
                    )
                self.received = self.received[len(wanted_octets) :]
            case Kind.EXPECT_NOTHING:
                if self.received:
                    raise Mismatch(f"{step.where}\n  expected nothing\n  received: {self.received!r}")
            case _:
                return  # about the connection, which is not ours

    def expect_closed(self, step: Step, rest: bytes | None) -> None:
        if rest is None:
            raise Mismatch(f"{step.where}\n  expected the server to close the connection")
        self.received += rest
        if self.received:
            raise Mismatch(f"{step.where}\n  expected nothing more before the end\n  received: {self.received!r}")

    def expect_end(self, transcript: Transcript) -> None:
        if self.received:
            raise Mismatch(f"{transcript.path.name}: the server said more than expected: {self.received!r}")

    def _line(self, step: Step) -> str:
        line, end, rest = self.received.partition(b"\r\n")
        if not end:
            raise Mismatch(f"{step.where}\n  expected: {step.text}\n  received no whole line, but: {line!r}")
        self.received = rest
        return _text(line)

    def _captures(self, step: Step, line: str) -> bool:
        found = self._pattern(step).fullmatch(line)
        if found is None:
            return False
        self.variables.update({name: value for name, value in found.groupdict().items() if value is not None})
        return True

    def _filled(self, step: Step) -> str:
        return _VARIABLE.sub(lambda found: _value(self.variables, found[1], step), step.text)

    def _pattern(self, step: Step) -> re.Pattern[str]:
        return re.compile(_VARIABLE.sub(lambda found: re.escape(_value(self.variables, found[1], step)), step.text))


def _value(variables: Mapping[str, str], name: str, step: Step) -> str:
    if name not in variables:
        raise ValueError(f"{step.where}: no variable {name!r}")
    return variables[name]


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def _unescape(text: str) -> bytes:
    return codecs.escape_decode(text.encode())[0]
