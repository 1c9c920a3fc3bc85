"""mbox (RFC 4155) with quoted From lines ("mboxrd"), read and written piece by piece. Pure.

Lines end in LF in the file and in CRLF in a message.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

_FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_BOUNDARY = re.compile(rb"\nFrom [^\n]*\n")
_LINE_END = re.compile(rb"\r?\n")


def written(message: bytes, received_at: datetime) -> bytes:
    """One message with the line before it and the empty line behind it."""
    lines = _FROM_LINE.sub(rb">\1", message.replace(b"\r\n", b"\n"))
    head = f"From mailstead@localhost {received_at.astimezone(UTC):%a %b %e %H:%M:%S %Y}\n".encode()
    return head + lines + (b"\n" if lines.endswith(b"\n") else b"\n\n")


class Reader:
    """Cuts a file into messages. One of more than `most` octets is told of as None, and takes no more memory than that."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray(b"\n")  # the end of the line before, and what follows
        self._searched = 0
        self._begun = False
        self._too_large = False

    def feed(self, octets: bytes) -> Iterator[bytes | None]:
        """Messages that are whole by now."""
        self._rest += octets
        while (found := _BOUNDARY.search(self._rest, self._searched)) is not None:
            if self._begun:
                yield self._message(self._rest[1 : found.start()])
            del self._rest[: found.end() - 1]
            self._begun, self._too_large, self._searched = True, False, 0
        if len(self._rest) > self._most:
            self._too_large = True
            del self._rest[: max(self._rest.rfind(b"\n"), len(self._rest) - self._most)]
        self._searched = max(self._rest.rfind(b"\n"), 0)

    def close(self) -> Iterator[bytes | None]:
        """The last one."""
        if self._begun:
            end = len(self._rest) - (1 if self._rest.endswith(b"\n\n") else 0)
            yield self._message(self._rest[1:end])

    def _message(self, lines: bytearray) -> bytes | None:
        return None if self._too_large else _LINE_END.sub(b"\r\n", _QUOTED.sub(rb"\1", bytes(lines)))
