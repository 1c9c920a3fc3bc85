"""What follows DATA or BDAT, taken in blocks as they come from the socket: dots removed, limits held, the end found.

A block is looked through by a few searches of the C library, never line by line; each octet is copied once on its way into
the message and once when the message is put together. Only CRLF "." CRLF ends a message (RFC 5321 §4.1.1.4, §2.3.8): every
other spelling is either content or, where it has a bare CR or LF, the reason to refuse the whole, so that nothing inside a
message is ever read as a command.
"""

from dataclasses import dataclass

from smtp_in import replies
from smtp_in.replies import Reply

LARGE = 1024 * 1024  # octets

_END = b"\r\n.\r\n"
_KEPT = tuple(_END[:n] for n in range(len(_END) - 1, 0, -1))  # what may turn out to be the beginning of the end, longest first


class Budget:
    """Octets of message content that this process holds, over all connections (promise S3)."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def reserve(self, octets: int) -> bool:
        """Count `octets` in, or say that there is no room for them."""
        if self.held + octets > self.limit:
            return False
        self.held += octets
        return True

    def has_room(self, octets: int) -> bool:
        return self.held + octets <= self.limit

    def release(self, octets: int) -> None:
        self.held -= octets


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """`message` octets in all, `line` octets in one line with its CRLF; of what is refused, `discarded` octets are read."""

    message: int
    line: int = 1000  # RFC 5321 §4.5.3.1.6
    discarded: int = 256 * 1024 * 1024


class Collector:
    """One message on its way in. `release` must be called at the end, whatever the end is.

    After DATA it is fed to `feed`, which finds the end. In chunks of BDAT (RFC 3030), which say how long they are and double no
    dots, it is fed to `feed_chunk`, and `end_chunks` follows the last.
    """

    __slots__ = ("_at_start", "_budget", "_large", "_limits", "_open_line", "_parts", "_pending", "fault", "received", "reserved")

    def __init__(self, limits: ContentLimits, budget: Budget, *, chunked: bool = False) -> None:
        self.fault: Reply | None = None  # the first reason to refuse the message
        self.received = 0  # octets of content so far, kept or not
        self.reserved = 0  # octets of the budget that are ours
        self._limits = limits
        self._budget = budget
        self._parts: list[bytes] = []
        self._large: bytearray | None = None  # instead, from LARGE octets on: one copy that grows in place
        self._pending = b"" if chunked else b"\r\n"  # the end of the DATA command: a dot right after it begins a line
        self._at_start = not chunked
        self._open_line = 0  # octets of the line under way

    def feed(self, block: bytes) -> bytes | None:
        """Take a block. None: the end is not in it. Otherwise what came after the end, which is commands."""
        data = self._pending + block
        end = data.find(_END)
        if end >= 0:
            self._take(data[: end + 2])
            return data[end + len(_END) :]
        self._pending = next((tail for tail in _KEPT if data.endswith(tail)), b"")
        self._take(data[: -len(self._pending)] if self._pending else data)
        return None

    def feed_chunk(self, block: bytes) -> None:
        """Take octets of a chunk; a CR at its end waits for what follows."""
        data = self._pending + block if self._pending else block
        self._pending = b"\r" if data.endswith(b"\r") else b""
        self._take(data[:-1] if self._pending else data, undot=False)

    def end_chunks(self) -> None:
        """No more will come."""
        if self._pending and self.fault is None:
            self._refuse(replies.BARE_LINE_END_IN_CONTENT)

    @property
    def hopeless(self) -> bool:
        """Whether so much of a refused message has been read that the connection is better closed."""
        return self.fault is not None and self.received > self._limits.discarded

    def take(self) -> bytes | bytearray:
        """The message, once; its octets in the budget (as many as it has) are from now on the caller's to release."""
        parts, large = self._parts, self._large
        self._parts, self._large = [], None
        self.reserved = 0
        if large is not None:
            return large
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self) -> None:
        """Give the budget back."""
        self._budget.release(self.reserved)
        self.reserved = 0
        self._parts, self._large = [], None

    def _take(self, chunk: bytes, *, undot: bool = True) -> None:
        """`chunk` never ends between a CR and its LF, nor between a line's CRLF and its dot."""
        if not chunk:
            return
        ends = chunk.count(b"\r\n")
        bare = chunk.count(b"\n") != ends or chunk.count(b"\r") != ends
        if undot and b"\r\n." in chunk:
            chunk = chunk.replace(b"\r\n.", b"\r\n")  # RFC 5321 §4.5.2
        if self._at_start:
            self._at_start = False
            chunk = chunk[2:]
        self.received += len(chunk)
        if self.fault is not None:
            return
        if bare:
            self._refuse(replies.BARE_LINE_END_IN_CONTENT)
        elif self.received > self._limits.message:
            self._refuse(replies.TOO_LARGE)
        elif not self._lines_fit(chunk):
            self._refuse(replies.LINE_TOO_LONG)
        elif not self._budget.reserve(len(chunk)):
            self._refuse(replies.NO_ROOM)
        else:
            self.reserved += len(chunk)
            self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        if self._large is not None:
            self._large += chunk
            return
        self._parts.append(chunk)
        if self.received >= LARGE:
            self._large, self._parts = bytearray().join(self._parts), []

    def _lines_fit(self, chunk: bytes) -> bool:
        """Hop from the beginning of a line to the last line end within the limit: one search for each limit's worth."""
        limit, size = self._limits.line, len(chunk)
        start = -self._open_line
        while size - start > limit:
            newline = chunk.rfind(b"\n", max(start, 0), start + limit)
            if newline < 0:
                return False
            start = newline + 1
        last = chunk.rfind(b"\n", max(start, 0))
        self._open_line = size - (last + 1) if last >= 0 else size - start
        return True

    def _refuse(self, why: Reply) -> None:
        self.fault = why
        self.release()
