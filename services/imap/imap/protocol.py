"""IMAP framing without a socket: octets in, events out (RFC 9051 §4.3, RFC 7888).

    protocol.feed(octets)
    while (event := protocol.next_event()) is not None: ...

Events are pulled one at a time, for what the next octets mean depends on the answer to the last command: after STARTTLS nothing
may be left, after AUTHENTICATE and IDLE the next line is no command (`next_line`).

What is held: one unfinished command of at most `limits.command` octets, literals included, beyond what one `feed` brought. The
message of an APPEND is never held: it passes through as `MessageChunk`, uncopied where it can be. What is too large is told once
and skipped, so that the connection stays usable; what would take too long to skip is an Overflow.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from imap.grammar import requests as ask
from imap.grammar.command import append_head, next_append, parse, tag_of
from imap.grammar.scanner import BadSyntax
from imap.grammar.searching import UnknownCharset

MAX_OPTIONS = 8 * 1024  # octets of flags and date between two messages of one APPEND
MAX_SKIPPED = 64 * 1024 * 1024  # octets of one refused command that are read and thrown away

_LITERAL_AT_END = re.compile(rb"(~?)\{(\d{1,10})(\+?)\}\r?\n\Z")  # with `~`, a literal8 (RFC 3516 §5)
_LONGEST_LITERAL_HEAD = 17  # octets that the pattern above can match


@dataclass(frozen=True, slots=True)
class Limits:
    """In octets. `message` of 0: an APPEND is not legal now."""

    command: int
    literal: int
    message: int


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command; the message of an APPEND is not in it."""

    tag: bytes
    request: ask.Request


@dataclass(frozen=True, slots=True)
class NeedContinuation:
    """The client waits for `+` before it sends a literal."""


@dataclass(frozen=True, slots=True)
class MessageBegins:
    """An APPEND or REPLACE up to its message. A synchronizing one waits for `accept_message` or `refuse_message`.

    `further`: another message of the same APPEND (RFC 3502).
    """

    tag: bytes
    request: ask.Append | ask.Replace
    size: int
    synchronizing: bool
    binary: bool  # NUL may be in it
    further: bool = False


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """The next octets of the message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MessageEnds:
    """The command of the last MessageBegins is complete."""


@dataclass(frozen=True, slots=True)
class TooBig:
    """A message over `limits.message`; it is not read, or was skipped."""

    tag: bytes


@dataclass(frozen=True, slots=True)
class BadCommand:
    """A line that is no command; `tag` is None where none can be made out. `text` may be told."""

    tag: bytes | None
    text: str
    charset: bool = False  # SEARCH in an unknown charset


@dataclass(frozen=True, slots=True)
class Overflow:
    """The client sends more than is worth skipping: say so and hang up."""

    text: str


Event = Command | NeedContinuation | MessageBegins | MessageChunk | MessageEnds | TooBig | BadCommand | Overflow


class _Mode(Enum):
    LINE = auto()  # collecting a command, line by line
    LITERAL = auto()  # within a literal that is part of the command
    DECIDING = auto()  # a synchronizing message waits for the session
    MESSAGE = auto()  # passing a message through
    TAIL = auto()  # behind a message
    SKIP_LINE = auto()  # throwing away the rest of a refused command
    SKIP_LITERAL = auto()


class Protocol:
    """One connection's input."""

    __slots__ = (
        "_appending",
        "_buffer",
        "_direct",
        "_left",
        "_mode",
        "_parenthesis",
        "_refusal",
        "_searched",
        "_segment",
        "_skipped",
        "limits",
        "utf8",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._parenthesis = False  # one has to follow the message
        self.utf8 = False  # mailbox names are UTF-8 from here on
        self._buffer = bytearray()
        self._appending: tuple[bytes, ask.Append] | None = None  # the APPEND that more messages may follow
        self._direct = b""  # octets of a message that need not pass through the buffer
        self._mode = _Mode.LINE
        self._segment = 0  # where the line that is being collected begins; literals before it are complete
        self._searched = 0  # no line end before this offset
        self._left = 0  # octets of the literal or message that are still to come
        self._refusal: Event | None = None  # what is told once the refused command is over
        self._skipped = 0

    def feed(self, data: bytes) -> None:
        """Take what arrived. Pull all events before the next call, or what is held grows."""
        if self._mode is _Mode.MESSAGE and not self._buffer and not self._direct and len(data) <= self._left:
            self._direct = data
        else:
            self._buffer += data

    @property
    def pending(self) -> bool:
        """Whether anything was received that no event has used yet; before TLS begins nothing may be (RFC 9051 §6.2.1)."""
        return bool(self._buffer) or self._mode is not _Mode.LINE

    def next_event(self) -> Event | None:
        """The next event, or None until more octets arrive."""
        while True:
            match self._mode:
                case _Mode.LINE:
                    return self._line()
                case _Mode.LITERAL:
                    if len(self._buffer) < self._segment + self._left:
                        return None
                    self._segment += self._left
                    self._searched = self._segment
                    self._mode = _Mode.LINE
                case _Mode.DECIDING:
                    return None
                case _Mode.MESSAGE:
                    return self._message()
                case _Mode.TAIL:
                    return self._tail()
                case _Mode.SKIP_LINE | _Mode.SKIP_LITERAL:
                    done, event = self._skip()
                    if done:
                        return event

    def next_line(self, limit: int) -> bytes | BadCommand | None:
        """The next line, whatever it is, without its end; None until more octets arrive. For AUTHENTICATE and IDLE."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if len(self._buffer) > limit:
                self._begin_skipping(BadCommand(None, "line too long"), 0)
                return BadCommand(None, "line too long")
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        self._forget(end + 1)
        return BadCommand(None, "line too long") if len(line) > limit else line

    def accept_message(self) -> None:
        """After a synchronizing MessageBegins, once `+` is sent."""
        self._mode = _Mode.MESSAGE if self._left else _Mode.TAIL

    def refuse_message(self) -> None:
        """Instead of accepting it: the client sends no octet of it, and the next line is a new command."""
        self._left = 0
        self._mode = _Mode.LINE

    # ---- commands

    def _line(self) -> Event | None:
        end = self._buffer.find(b"\n", self._searched)
        if end < 0 or end >= self.limits.command:
            self._searched = len(self._buffer)
            if len(self._buffer) <= self.limits.command:
                return None
            self._begin_skipping(BadCommand(self._tag(), "command too long"), 0)
            return self.next_event()
        end += 1
        literal = _LITERAL_AT_END.search(self._buffer, max(self._segment, end - _LONGEST_LITERAL_HEAD), end)
        if literal is not None:
            return self._literal(literal, end)
        line = bytes(self._buffer[:end])
        self._forget(end)
        if not line.strip():
            return self.next_event()  # an empty line is no command, and no reason to complain
        try:
            return Command(*parse(line, utf8=self.utf8))
        except BadSyntax as error:
            return BadCommand(tag_of(line), error.text, isinstance(error, UnknownCharset))

    def _literal(self, literal: re.Match[bytes], end: int) -> Event | None:
        """A line that ends by announcing a literal, at `end`."""
        binary, size, synchronizing = bool(literal[1]), int(literal[2]), not literal[3]
        head = bytes(self._buffer[: literal.start()])
        del literal  # it holds the buffer
        try:
            message = append_head(head, utf8=self.utf8)
        except BadSyntax as error:
            return self._refuse_literal(BadCommand(self._tag(), error.text), end, size, synchronizing)
        if message is not None and self.limits.message:
            if size > self.limits.message:
                return self._refuse_literal(TooBig(message[0]), end, size, synchronizing)
            self._appending = (message[0], message[1]) if isinstance(message[1], ask.Append) else None
            return self._announce(MessageBegins(*message, size, synchronizing, binary), end)
        if binary:
            return self._refuse_literal(BadCommand(self._tag(), "only a message can be a literal8"), end, size, synchronizing)
        if size > self.limits.literal or end + size > self.limits.command:
            return self._refuse_literal(BadCommand(self._tag(), "literal too large"), end, size, synchronizing)
        self._segment, self._searched, self._left = end, end + size, size
        self._mode = _Mode.LITERAL
        return NeedContinuation() if synchronizing else self.next_event()

    def _announce(self, begins: MessageBegins, end: int) -> MessageBegins:
        self._forget(end)
        self._left = begins.size
        head = begins.request.append if isinstance(begins.request, ask.Replace) else begins.request
        self._parenthesis = head.in_utf8
        self._mode = _Mode.DECIDING if begins.synchronizing else _Mode.MESSAGE if begins.size else _Mode.TAIL
        return begins

    def _refuse_literal(self, refusal: Event, end: int, size: int, synchronizing: bool) -> Event | None:
        """A client that waits for `+` is told at once; one that does not wait sends the literal all the same (RFC 7888 §4)."""
        self._forget(end)
        if synchronizing:
            self._mode = _Mode.LINE
            return refusal
        self._begin_skipping(refusal, size)
        return self.next_event()

    # ---- messages

    def _message(self) -> Event | None:
        if self._direct:
            data, self._direct = self._direct, b""
        elif self._buffer:
            data = bytes(self._buffer[: self._left])
            self._forget(len(data))
        else:
            return None
        self._left -= len(data)
        if not self._left:
            self._mode = _Mode.TAIL
        return MessageChunk(data)

    def _tail(self) -> Event | None:
        if self._parenthesis and self._buffer:
            if not self._buffer.startswith(b")"):
                return self._refuse_rest("expected )")
            self._forget(1)
            self._parenthesis = False
        if self._buffer.startswith((b"\r\n", b"\n")):
            self._forget(2 if self._buffer[0] == 13 else 1)
            self._mode = _Mode.LINE
            return MessageEnds()
        if not self._buffer or self._buffer == b"\r":
            return None
        end = self._buffer.find(b"\n") + 1
        if not end and len(self._buffer) <= MAX_OPTIONS:
            return None
        return self._next_message(end) if end else self._refuse_rest("command too long")

    def _next_message(self, end: int) -> Event | None:
        """The line behind a message, up to `end`, that announces another one."""
        literal = _LITERAL_AT_END.search(bytes(self._buffer[max(0, end - _LONGEST_LITERAL_HEAD) : end]))
        if self._appending is None or literal is None:
            return self._refuse_rest("a message is followed by another one or by the end of the line")
        tag, before = self._appending
        size, synchronizing = int(literal[2]), not literal[3]
        try:
            words = bytes(self._buffer[: end - len(literal[0])])
            request = next_append(words, before.mailbox, utf8=self.utf8)
        except BadSyntax as error:
            return self._refuse_literal(BadCommand(tag, error.text), end, size, synchronizing)
        if size > self.limits.message:
            return self._refuse_literal(TooBig(tag), end, size, synchronizing)
        return self._announce(MessageBegins(tag, request, size, synchronizing, bool(literal[1]), True), end)

    def _refuse_rest(self, text: str) -> Event | None:
        self._begin_skipping(BadCommand(self._appending[0] if self._appending else None, text), 0)
        return self.next_event()

    # ---- what is refused

    def _begin_skipping(self, refusal: Event, literal: int) -> None:
        self._refusal = refusal
        self._skipped = 0
        self._left = literal
        self._segment = self._searched = 0
        self._mode = _Mode.SKIP_LITERAL if literal else _Mode.SKIP_LINE

    def _skip(self) -> tuple[bool, Event | None]:
        """(whether to stop here, with which event)."""
        if self._skipped + self._left > MAX_SKIPPED:
            return True, Overflow("too much to skip")
        if self._mode is _Mode.SKIP_LITERAL:
            gone = min(self._left, len(self._buffer))
            self._drop(gone)
            self._left -= gone
            if self._left:
                return True, None
            self._mode = _Mode.SKIP_LINE
        end = self._buffer.find(b"\n") + 1
        if not end:
            self._drop(max(0, len(self._buffer) - _LONGEST_LITERAL_HEAD))
            return True, None
        literal = _LITERAL_AT_END.search(bytes(self._buffer[max(0, end - _LONGEST_LITERAL_HEAD) : end]))
        self._drop(end)
        if literal is not None and literal[3]:
            self._left = int(literal[2])
            self._mode = _Mode.SKIP_LITERAL
            return False, None
        refusal, self._refusal = self._refusal, None
        self._forget(0)
        self._mode = _Mode.LINE
        return True, refusal

    def _drop(self, octets: int) -> None:
        del self._buffer[:octets]
        self._skipped += octets

    # ---- the buffer

    def _forget(self, octets: int) -> None:
        del self._buffer[:octets]
        self._segment = self._searched = 0

    def _tag(self) -> bytes | None:
        return tag_of(bytes(self._buffer[:256]))
