"""Mail clients that go on and on while pods come and go: what they were promised, and every unkind thing they met.

A server that goes may say so (421, `* BYE`, `-ERR [SYS/TEMP]`) and close; then a client connects again. Anything else is an
error: a connection that is refused or reset, one that ends without a word, a command that fails.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ANSWER_SECONDS = 30
CLIENTS = 2  # of each kind


class Leaving(Exception):
    """The server said that it goes."""


@dataclass
class Traffic:
    """`place` is where each protocol is; one account with `user` and `password` is used by all."""

    place: dict[str, tuple[str, int]]
    context: ssl.SSLContext
    user: str
    password: str
    remote: str
    acknowledged: list[str] = field(default_factory=list)  # subjects of messages to `user`
    relayed: list[str] = field(default_factory=list)  # subjects of messages to `remote`
    unkind: list[str] = field(default_factory=list)
    polite: int = 0
    done: dict[str, int] = field(default_factory=dict)  # turns by protocol
    _numbers: int = 0

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """All clients at work; each finishes its turn when this is left, but those that idle hang up."""
        ending = asyncio.Event()
        turns = {
            "smtp": self._mail_from_outside,
            "submissions": self.submit,
            "imaps": self._read_by_imap,
            "pop3s": self._read_by_pop3,
            "http": self._ask_api,
        }
        async with asyncio.TaskGroup() as group:
            for name, turn in turns.items():
                for _ in range(CLIENTS):
                    group.create_task(self._again(name, turn, ending, ANSWER_SECONDS))
            idling = [group.create_task(self._again("idle", self._idle, ending, None)) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                ending.set()
                for client in idling:
                    client.cancel()

    async def _again(self, name: str, turn: Callable[[], Awaitable[None]], ending: asyncio.Event, seconds: float | None) -> None:
        while not ending.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await turn()
                self.done[name] = self.done.get(name, 0) + 1
            except Leaving:
                self.polite += 1
            except (OSError, EOFError, AssertionError, TimeoutError) as error:
                self.unkind.append(f"{name}: {type(error).__name__} {error}")

    def _subject(self) -> str:
        self._numbers += 1
        return f"number {self._numbers}"

    async def _mail_from_outside(self) -> None:
        async with self._connected("smtp", tls=False) as talk:
            await talk.smtp(None, "220")
            await talk.smtp("EHLO outside.test", "250")
            for _ in range(5):
                subject = self._subject()
                await talk.smtp("MAIL FROM:<sender@outside.test>", "250")
                await talk.smtp(f"RCPT TO:<{self.user}>", "250")
                await talk.smtp("DATA", "354")
                await talk.smtp(f"Subject: {subject}\r\n\r\nhello\r\n.", "250")
                self.acknowledged.append(subject)
            await talk.smtp("QUIT", "221")

    async def submit(self) -> None:
        """One message to ourselves, one to the remote address."""
        async with self._connected("submissions") as talk:
            await talk.smtp(None, "220")
            await talk.smtp("EHLO client.test", "250")
            plain = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
            await talk.smtp(f"AUTH PLAIN {plain}", "235")
            for recipient, told in ((self.user, self.acknowledged), (self.remote, self.relayed)):
                subject = self._subject()
                await talk.smtp(f"MAIL FROM:<{self.user}>", "250")
                await talk.smtp(f"RCPT TO:<{recipient}>", "250")
                await talk.smtp("DATA", "354")
                await talk.smtp(f"From: {self.user}\r\nSubject: {subject}\r\n\r\nhello\r\n.", "250")
                told.append(subject)
            await talk.smtp("QUIT", "221")

    async def _read_by_imap(self) -> None:
        async with self._connected("imaps") as talk:
            await talk.imap(None)
            await talk.imap(f'LOGIN "{self.user}" "{self.password}"')
            await talk.imap("SELECT INBOX")
            for _ in range(5):
                await talk.imap("FETCH *:* (FLAGS ENVELOPE)")
                await talk.imap("NOOP")
            await talk.imap("LOGOUT")

    async def _idle(self) -> None:
        """What most sessions of mail clients do most of the time: until their server goes, which they hear by BYE."""
        async with self._connected("imaps") as talk:
            await talk.imap(None)
            await talk.imap(f'LOGIN "{self.user}" "{self.password}"')
            await talk.imap("SELECT INBOX")
            await talk.imap("IDLE")

    async def _read_by_pop3(self) -> None:
        """Many want the one maildrop: [IN-USE] is an answer."""
        async with self._connected("pop3s") as talk:
            await talk.pop3(None)
            await talk.pop3(f"USER {self.user}")
            if "[IN-USE]" not in await talk.pop3(f"PASS {self.password}", also="-ERR [IN-USE]"):
                await talk.pop3("STAT")
                await talk.pop3("NOOP")
            await talk.pop3("QUIT")

    async def _ask_api(self) -> None:
        async with self._connected("http", tls=False) as talk:
            talk.writer.write(b"GET /v1/health HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n")
            answer = await talk.reader.read()
            assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]

    @asynccontextmanager
    async def _connected(self, name: str, *, tls: bool = True) -> "AsyncIterator[_Talk]":
        host, port = self.place[name]
        reader, writer = await asyncio.open_connection(
            host, port, ssl=self.context if tls else None, server_hostname="localhost" if tls else None
        )
        try:
            yield _Talk(reader, writer)
        finally:
            writer.close()


@dataclass
class _Talk:
    """One connection; `None` for a command reads the greeting."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def smtp(self, command: str | None, wanted: str) -> None:
        self._say(command)
        while (line := await self._line())[3:4] == "-":
            pass
        if line.startswith("421"):
            raise Leaving
        assert line.startswith(wanted), f"{command}: {line}"

    async def imap(self, command: str | None) -> None:
        self._say(None if command is None else f"a {command}")
        while True:
            line = await self._line()
            if line.startswith("* BYE") and command != "LOGOUT":
                raise Leaving
            if line.startswith("a ") or (command is None and line.startswith("* OK")):
                assert line[2:].startswith(("OK", " OK")), f"{command}: {line}"
                return

    async def pop3(self, command: str | None, also: str = "+OK") -> str:
        self._say(command)
        line = await self._line()
        if line.startswith("-ERR [SYS/TEMP]"):
            raise Leaving
        assert line.startswith(("+OK", also)), f"{command}: {line}"
        return line

    def _say(self, command: str | None) -> None:
        if command is not None:
            self.writer.write(command.encode() + b"\r\n")

    async def _line(self) -> str:
        line = await self.reader.readline()
        if not line:
            raise EOFError("the connection ended without a word")
        return line.decode().rstrip()
