"""One message over SMTP, as another mail host sends it: for tests that care when and whether it is acknowledged."""

import asyncio
import contextlib
import time

from mailstead_local.ports import HOST

SENDER = "sender@elsewhere.test"


async def send(port: int, recipient: str, content: bytes) -> float | None:
    """When it was acknowledged, by `time.perf_counter`, or None; `content` has no line that begins with a dot.

    Raises OSError or EOFError when the connection breaks before that is known.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        if not await _answered(reader, b"220"):
            return None
        for command in ("EHLO client.test", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{recipient}>"):
            writer.write(command.encode() + b"\r\n")
            if not await _answered(reader, b"250"):
                return None
        writer.write(b"DATA\r\n")
        if not await _answered(reader, b"354"):
            return None
        writer.write(content + b".\r\n")
        return time.perf_counter() if await _answered(reader, b"250") else None
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _answered(reader: asyncio.StreamReader, code: bytes) -> bool:
    """Whether the next reply, of however many lines, has this code."""
    while (line := await reader.readuntil(b"\n"))[3:4] == b"-":
        pass
    return line.startswith(code)
