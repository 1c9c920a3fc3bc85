"""Octets in, command lines out: bounded, ended by CRLF, known verbs only. Everything else comes out as the reply it deserves."""

from collections.abc import Mapping

from smtp_in import replies
from smtp_in.replies import Reply

MAX_COMMAND = 512  # octets with CRLF, RFC 5321 §4.5.3.1.4

LONGER: Mapping[str, int] = {
    "MAIL": 2048,  # 512 and what SIZE, BODY, SMTPUTF8, AUTH, RET, ENVID … add (RFC 1870 §3, 6152, 6531 §3.4, 4954 §5, 3461 §5)
    "RCPT": 2048,  # 512 and what NOTIFY and ORCPT add (RFC 3461 §5), and addresses in UTF-8
    "VRFY": 1024,
    "XCLIENT": 1024,
    "AUTH": 12_288 + 64,  # RFC 4954 §4
}
MAX_LINE = max(LONGER.values())
MAX_DISCARDED = 64 * 1024  # octets of a line that is too long

VERBS = frozenset({
    "EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH",
    "XCLIENT",
})  # fmt: skip


class CommandLines:
    """A buffer between the socket and the commands. At most MAX_LINE octets of an unfinished line are kept."""

    __slots__ = ("_at", "_buffer", "_discarded", "verb")

    def __init__(self) -> None:
        self.verb = ""  # of the last line that `take` gave out or refused; empty where it had none that we know
        self._buffer = b""
        self._at = 0  # up to here the buffer has been taken
        self._discarded = 0  # octets thrown away of a line that is too long; 0 where none is under way

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0

    @property
    def is_empty(self) -> bool:
        return self._at == len(self._buffer) and not self._discarded

    @property
    def hopeless(self) -> bool:
        """Whether the peer sends a line without end."""
        return self._discarded > MAX_DISCARDED

    def rest(self) -> bytes:
        """What has not been taken, for whoever reads it in another way from here."""
        rest, self._buffer, self._at = self._buffer[self._at :], b"", 0
        return rest

    def take(self) -> bytes | Reply | None:
        """A command line with its CRLF, the reply to one that cannot be a command, or None where none is complete."""
        line = self._line(MAX_LINE)
        if not isinstance(line, bytes):
            self.verb = ""
            return line
        verb = line.split(None, 1)[0].upper() if line.strip() else b""
        self.verb = verb.decode("ascii") if verb.isascii() and verb.decode("ascii") in VERBS else ""
        if not line.endswith(b"\r\n") or line.count(b"\r") > 1:
            return replies.BARE_LINE_END  # RFC 5321 §2.3.8: a bare LF ends nothing
        if not line.isascii():
            try:
                line.decode()
            except UnicodeDecodeError:
                return replies.NOT_ASCII
        if not self.verb:
            return replies.UNKNOWN_COMMAND
        if len(line) > LONGER.get(self.verb, MAX_COMMAND):
            return replies.COMMAND_TOO_LONG
        return line

    def take_response(self, limit: int) -> bytes | Reply | None:
        """As `take`, for the lines within AUTH: without CRLF."""
        line = self._line(limit + 2)
        if not isinstance(line, bytes):
            return line
        if not line.endswith(b"\r\n"):
            return replies.BARE_LINE_END
        return line[:-2]

    def _line(self, limit: int) -> bytes | Reply | None:
        end = self._buffer.find(b"\n", self._at)
        if end < 0:
            waiting = len(self._buffer) - self._at
            if self._discarded or waiting > limit:
                self._discarded += waiting
                self._buffer, self._at = b"", 0
            return None
        line = self._buffer[self._at : end + 1]
        self._at = end + 1
        if self._discarded or len(line) > limit:
            self._discarded = 0
            return replies.COMMAND_TOO_LONG  # RFC 5321 §4.5.3.1.9
        return line
