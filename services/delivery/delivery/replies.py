"""What an SMTP server says: replies from octets, and what EHLO offers (RFC 5321 §4.2, §4.1.1.1; RFC 2034)."""

import re
from dataclasses import dataclass

MAX_LINE = 4_096  # octets; RFC 5321 §4.5.3.1.5 says 512, longer ones are seen
MAX_LINES = 128  # in one reply
MAX_TEXT = 2_000  # characters kept of one reply

_LINE = re.compile(r"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")


class ProtocolError(Exception):
    """The other side does not speak SMTP, or speaks too much of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code and the texts of its lines, without control characters."""

    code: int
    lines: tuple[str, ...]

    @property
    def success(self) -> bool:
        return 200 <= self.code < 300

    @property
    def text(self) -> str:
        """As it is stored and shown: the code and all lines in one."""
        return f"{self.code} {' '.join(line for line in self.lines if line)}".rstrip()[:MAX_TEXT]

    @property
    def status(self) -> str | None:
        """The enhanced status code, where there is one whose class agrees with the code (RFC 2034 §4)."""
        found = _STATUS.match(self.lines[0])
        return found[1] if found and found[1][0] == str(self.code)[0] else None


class ReplyReader:
    """Collects octets and gives whole replies. A bare LF ends a line too, as servers that send it mean that."""

    def __init__(self) -> None:
        self._partial = b""
        self._code = 0
        self._lines: list[str] = []

    @property
    def empty(self) -> bool:
        """Nothing of a further reply has come. Before a TLS handshake anything else is an injection (CVE-2011-0411)."""
        return not self._partial and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that `data` completes. Raises ProtocolError for what is no reply, or is beyond the limits."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        replies = [reply for reply in map(self._line, lines) if reply]
        if len(self._partial) > MAX_LINE:
            raise ProtocolError("line too long")
        return replies

    def _line(self, raw: bytes) -> Reply | None:
        if len(raw) > MAX_LINE:
            raise ProtocolError("line too long")
        text = raw.removesuffix(b"\r").decode("utf-8", "replace")
        match = _LINE.fullmatch(text)
        if not match:
            raise ProtocolError(f"not a reply: {_clean(text)[:80]!r}")
        self._code = int(match[1])  # lines that disagree: the last one counts, it is the one that ends the reply
        self._lines.append(_clean(match[3] or ""))
        if match[2] == "-":
            if len(self._lines) >= MAX_LINES:
                raise ProtocolError("reply has too many lines")
            return None
        reply = Reply(self._code, tuple(self._lines))
        self._lines = []
        return reply


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server's EHLO reply offers. After HELO: nothing."""

    offered: frozenset[str] = frozenset()
    max_size: int = 0  # octets; 0: not told, or without limit (RFC 1870 §4)
    mechanisms: frozenset[str] = frozenset()  # of AUTH (RFC 4954 §3)

    @classmethod
    def of(cls, ehlo: Reply) -> "Capabilities":
        """From an EHLO reply; its first line is a greeting."""
        offered, max_size, mechanisms = set(), 0, set[str]()
        for line in ehlo.lines[1:]:
            keyword, _, parameters = line.strip().partition(" ")
            offered.add(keyword.upper())
            if keyword.upper() == "SIZE" and parameters.isdigit() and len(parameters) < 19:
                max_size = int(parameters)
            if keyword.upper() == "AUTH":
                mechanisms.update(parameters.upper().split())
        return cls(frozenset(offered), max_size, frozenset(mechanisms))

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.offered


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
