"""A mail host that does as it is told: what it offers, says, breaks and holds back, at each step of the dialogue.

For what a real mail system would not do on demand. Steps are named `connect`, the verbs, `content` (while it arrives) and `dot`.

    async with smtp_host("127.0.0.3", port) as host:
        host.say["RCPT"] = ["450 4.2.1 busy", "250 ok"]   # the last one is repeated
        host.drop.add("dot")                              # the connection is reset at this step
        host.hold.add("dot")                              # nothing is said until `host.let_go.set()`
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

GREETING = "220 scripted.test ESMTP"
DEFAULTS = {
    "connect": GREETING,
    "HELO": "250 scripted.test",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "dot": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok",
    "STARTTLS": "220 2.0.0 go ahead",
    "QUIT": "221 2.0.0 bye",
}


class _Dropped(Exception):
    """This connection is to be reset."""


@dataclass
class Taken:
    """A message that was answered 250 (or would have been, had the connection not been dropped at `dot`)."""

    mail: str
    recipients: list[str]
    content: bytes
    tls: bool


@dataclass
class SmtpHost:
    """Change its fields at any time; `commands` are all lines heard, over all connections."""

    address: str
    port: int
    offers: list[str] = field(default_factory=lambda: ["PIPELINING", "8BITMIME", "SIZE 10000000"])
    say: dict[str, list[str]] = field(default_factory=dict)
    drop: set[str] = field(default_factory=set)
    hold: set[str] = field(default_factory=set)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    tls: ssl.SSLContext | None = None
    taken: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    peers: list[str] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.peers.append(writer.get_extra_info("peername")[0])
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await _Dialogue(self, reader, writer).run()
        except _Dropped:
            writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_now -= 1
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


class _Dialogue:
    def __init__(self, host: SmtpHost, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.host = host
        self.reader = reader
        self.writer = writer
        self.mail = ""
        self.recipients: list[str] = []
        self.secured = False

    async def run(self) -> None:
        await self.answer("connect")
        while line := await self.reader.readline():
            command = line.decode().rstrip("\r\n")
            self.host.commands.append(command)
            verb = command.partition(" ")[0].upper()
            match verb:
                case "EHLO" if "EHLO" not in self.host.say:
                    await self.pause("EHLO")
                    offers = [o for o in self.host.offers if o != "STARTTLS" or not self.secured]
                    lines = ["scripted.test", *offers]
                    self.send("\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{t}" for n, t in enumerate(lines)))
                case "MAIL":
                    self.mail, self.recipients = command, []
                    await self.answer(verb)
                case "RCPT":
                    if (await self.answer(verb)).startswith("2"):
                        self.recipients.append(command)
                case "DATA":
                    if (await self.answer(verb)).startswith("354"):
                        await self.content()
                case "STARTTLS":
                    if (await self.answer(verb)).startswith("220") and self.host.tls:
                        await self.writer.start_tls(self.host.tls)
                        self.secured = True
                case "QUIT":
                    await self.answer(verb)
                    return
                case _:
                    await self.answer(verb)

    async def content(self) -> None:
        await self.pause("content")
        lines: list[bytes] = []
        while (line := await self.reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        taken = Taken(self.mail, self.recipients, b"".join(lines), self.secured)
        if "dot" in self.host.drop:
            self.host.taken.append(taken)
        if (await self.answer("dot")).startswith("2") and self.recipients:
            self.host.taken.append(taken)

    async def answer(self, step: str) -> str:
        await self.pause(step)
        texts = self.host.say.get(step)
        text = (texts.pop(0) if len(texts) > 1 else texts[0]) if texts else DEFAULTS.get(step, "500 5.5.1 what?")
        self.send(text)
        return text

    async def pause(self, step: str) -> None:
        await self.writer.drain()
        if step in self.host.hold:
            await self.host.let_go.wait()
        if step in self.host.drop:
            raise _Dropped

    def send(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")


@asynccontextmanager
async def smtp_host(address: str, port: int) -> AsyncIterator[SmtpHost]:
    """Listens while entered."""
    host = SmtpHost(address, port)
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(host.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, address, port, limit=1024 * 1024)
    try:
        yield host
    finally:
        server.close()
        host.let_go.set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
