"""Commands on a mailbox of many messages, and what a session that waits in it costs the server.

    .venv/bin/python bench/imap_big_mailbox.py DATA_FOLDER

Mail is appended to a new account of the domain bench.test. Times are from the command to its tagged answer, read
on one connection in the clear: start the system with MAILSTEAD_PLAINTEXT_AUTH_NETWORKS=127.0.0.0/8, and with
MAILSTEAD_IMAP_CONNECTIONS_PER_ACCOUNT=0 and MAILSTEAD_IMAP_CONNECTIONS_PER_ADDRESS=0 where sessions are measured,
anew for each figure: a process uses again what others have left.
"""

import asyncio
import os
import shlex
import ssl
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from mailstead_local.ports import Ports

HOST = "127.0.0.1"
DOMAIN = "bench.test"
WRITERS = 32  # connections that fill the mailbox
PASSWORD = "correct-horse-battery"
COMMANDS = (
    "SELECT INBOX",
    "UID FETCH 1:* (FLAGS)",
    "FETCH 1:* (FLAGS UID RFC822.SIZE INTERNALDATE ENVELOPE)",
    "FETCH 1:* (UID BODYSTRUCTURE)",
    "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)])",
    "FETCH 1:* (UID BODY.PEEK[])",
    "SEARCH UNSEEN",
    "SEARCH SUBJECT 777",
    "SEARCH FROM else7",
    "SEARCH HEADER Message-ID 777",
    "SEARCH BODY 777",
    "SEARCH BODY seventy",
    "SEARCH TEXT nowhere",
    "SORT (SUBJECT) UTF-8 ALL",
    "SORT (REVERSE DATE FROM) UTF-8 UNSEEN",
    "THREAD REFERENCES UTF-8 ALL",
    "THREAD ORDEREDSUBJECT UTF-8 ALL",
    "COPY 1:* Archive",
    "STORE 1:* +FLAGS (\\Deleted)",
    "EXPUNGE",
)
BODY = b"Dear all,\r\n\r\n" + b"this is a line of some seventy characters, of which there are a few.\r\n" * 20


class Client:
    """One connection; what it reads is thrown away but for the tagged answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def command(self, command: str) -> tuple[float, int]:
        """(seconds, octets of the answer). Raises RuntimeError for anything but OK."""
        return await self._finish(b"tag0 " + command.encode() + b"\r\n")

    async def append(self, message: bytes) -> None:
        await self._finish(b"tag0 APPEND INBOX {%d+}\r\n%b\r\n" % (len(message), message))

    async def _finish(self, command: bytes) -> tuple[float, int]:
        self._writer.write(command)
        begin, octets, last = time.perf_counter(), 0, b""
        while not (last.endswith(b"\r\n") and b"\r\ntag0 " in b"\r\n" + last):
            data = await self._reader.read(1 << 18)
            octets += len(data)
            last = (last + data)[-2000:]  # a tagged answer with all capabilities is the longest
            if not data:
                raise RuntimeError("the server has closed the connection")
        if b"tag0 OK" not in last:
            raise RuntimeError(last.decode(errors="replace"))
        return time.perf_counter() - begin, octets

    async def idle(self) -> None:
        self._writer.write(b"tag0 IDLE\r\n")
        await self._reader.readuntil(b"+ idling\r\n")

    def close(self) -> None:
        self._writer.close()


def main(
    data: Annotated[Path, typer.Argument(help="The data folder of `make run`")],
    messages: Annotated[int, typer.Option(help="How many messages the mailbox has")] = 10_000,
    sessions: Annotated[int, typer.Option(help="How many sessions wait in it at the same time")] = 200,
    imap_process: Annotated[int, typer.Option(help="Process id of the IMAP service, whose memory is told")] = 0,
    tls: Annotated[bool, typer.Option(help="Whether those sessions are over TLS")] = False,
    port_shift: Annotated[int, typer.Option(envvar="MAILSTEAD_PORT_SHIFT")] = 0,
) -> None:
    """Print one row for each command, and the memory of sessions in IDLE."""
    token = dict(line.split("=", 1) for line in shlex.split((data / "demo.env").read_text()))["ADMIN_TOKEN"]
    ports = Ports.shifted(port_shift)
    user = f"big{os.getpid()}@{DOMAIN}"
    with httpx.Client(
        base_url=f"http://{HOST}:{ports.api}", headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
    ) as api:
        api.post("/v1/domains", json={"name": DOMAIN})
        account = {"address": user, "password": PASSWORD, "quota_bytes": 0}
        api.post("/v1/accounts", json=account).raise_for_status()
    uvloop.run(_measure(ports, user, messages, sessions, imap_process, tls=tls))


async def _measure(ports: Ports, user: str, messages: int, sessions: int, process: int, *, tls: bool) -> None:
    table = Table("command", "ms", "MB")
    begin = time.perf_counter()
    await _fill(ports.imap, user, messages)
    Console().print(f"{messages} messages appended on {WRITERS} connections in {time.perf_counter() - begin:.1f} s")
    if process:
        Console().print(await _idle_memory(ports, user, sessions, process, tls=tls))
    client = await _logged_in(ports.imap, user)
    for command in COMMANDS:
        seconds, octets = await client.command(command)
        table.add_row(command, f"{seconds * 1000:.0f}", f"{octets / 1e6:.2f}")
    client.close()
    Console().print(table)


async def _fill(port: int, user: str, messages: int) -> None:
    numbers = iter(range(messages))

    async def work() -> None:
        client = await _logged_in(port, user)
        for number in numbers:
            await client.append(_message(number))
        client.close()

    await asyncio.gather(*(work() for _ in range(WRITERS)))


def _message(number: int) -> bytes:
    return (
        b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nFrom: Somebody Else <else%d@example.net>\r\nTo: big@bench.test\r\n"
        b"Subject: Report %d of many\r\nMessage-ID: <%d@example.net>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n%bnumber %d\r\n" % (number % 50, number, number, BODY, number)
    )


async def _logged_in(port: int, user: str, tls: ssl.SSLContext | None = None) -> Client:
    client = Client(*await asyncio.open_connection(HOST, port, limit=1 << 20, ssl=tls))
    await client.command(f"LOGIN {user} {PASSWORD}")
    return client


async def _idle_memory(ports: Ports, user: str, sessions: int, process: int, *, tls: bool) -> str:
    """Each with the mailbox selected. A first session pays for what is made once."""
    port, context = (ports.imap_tls, _any_certificate()) if tls else (ports.imap, None)
    first = await _logged_in(port, user, context)
    await first.command("SELECT INBOX")
    before = _resident(process)
    waiting = []
    for _ in range(sessions):
        client = await _logged_in(port, user, context)
        await client.command("SELECT INBOX")
        await client.idle()
        waiting.append(client)
    each = (_resident(process) - before) / sessions
    for client in (first, *waiting):
        client.close()
    return f"{each:.1f} KiB for each of {sessions} sessions in IDLE {'over TLS' if tls else 'in the clear'}"


def _any_certificate() -> ssl.SSLContext:
    """That of `make run` is its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _resident(process: int) -> int:
    """KiB."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0])


if __name__ == "__main__":
    typer.run(main)
