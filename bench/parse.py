"""What ingest computes of a message before it is stored (`wire.message.parse_message`), on one core.

.venv/bin/python bench/parse.py
"""

import os
import time
from base64 import encodebytes

from rich.console import Console
from rich.table import Table

from mailstead.wire.message import parse_message

SECONDS = 1.0  # of each row, three times
HEADER = (
    b"Received: from mail.elsewhere.test (mail.elsewhere.test [192.0.2.1])\r\n\tby mx.a.test with ESMTPS id 1;\r\n"
    b"\tMon, 23 Nov 2026 09:00:00 +0000\r\n"
    b"Message-ID: <1@elsewhere.test>\r\nReferences: <2@elsewhere.test> <3@elsewhere.test>\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0100\r\nFrom: Alice <alice@elsewhere.test>\r\nTo: Bob <bob@a.test>, carol@a.test\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from Berlin\r\nMIME-Version: 1.0\r\n"
)
TEXT = b"A line of text as people write them, neither long nor short.\r\n"


def plain(size: int) -> bytes:
    return HEADER + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + TEXT * (size // len(TEXT))


def alternative(size: int) -> bytes:
    half = TEXT * (size // 2 // len(TEXT))
    return (
        HEADER
        + b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
        b"%b\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>%b</p>\r\n--b--\r\n" % (half, half)
    )


def attached(size: int) -> bytes:
    payload = encodebytes(os.urandom(size * 3 // 4)).replace(b"\n", b"\r\n")
    return (
        HEADER + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
        b"%b\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=a.pdf\r\n\r\n%b\r\n--b--\r\n" % (TEXT * 5, payload)
    )


def main() -> None:
    """Print the best of three for each shape."""
    table = Table("message", "octets", "µs", "messages/s", "MB/s")
    shapes = {
        "plain, 4 KB": plain(4_096),
        "alternative, 4 KB": alternative(4_096),
        "attachment, 100 KB": attached(100_000),
        "attachment, 5 MB": attached(5_000_000),
    }
    for name, message in shapes.items():
        seconds = min(_seconds(message) for _ in range(3))
        rate = 1 / seconds
        table.add_row(name, f"{len(message):,}", f"{seconds * 1e6:.0f}", f"{rate:,.0f}", f"{rate * len(message) / 1e6:,.0f}")
    Console().print(table)


def _seconds(message: bytes) -> float:
    """Of one message."""
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        parse_message(message)
        done += 1
    return (time.perf_counter() - begin) / done


if __name__ == "__main__":
    main()
