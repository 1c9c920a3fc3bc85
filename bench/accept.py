"""Messages per second that a running system accepts, one message per connection, for several sizes and numbers of sessions.

    .venv/bin/python bench/accept.py DATA_FOLDER

Mail goes to accounts of the domain bench.test, which are made when they are missing. What the API counts afterwards has to be
what was acknowledged.
"""

import asyncio
import os
import shlex
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvloop
from rich.console import Console
from rich.table import Table

HOST = "127.0.0.1"
DOMAIN = "bench.test"
ACCOUNTS = 100
SIZES = {"4 KB": 4_096, "100 KB": 102_400}
SESSIONS = (1, 16, 64)
LINE = b"x" * 74 + b"\r\n"


def main(
    data: Annotated[Path, typer.Argument(help="The data folder of `make run`")],
    seconds: Annotated[float, typer.Option(help="How long each row is measured")] = 5,
    port_shift: Annotated[int, typer.Option(envvar="MAILSTEAD_PORT_SHIFT")] = 0,
) -> None:
    """Print one row for each size and number of sessions."""
    token = dict(line.split("=", 1) for line in shlex.split((data / "demo.env").read_text()))["ADMIN_TOKEN"]
    table = Table("message", "sessions", "messages/s", "MB/s", "p50 ms", "p99 ms")
    with httpx.Client(
        base_url=f"http://{HOST}:{8080 + port_shift}", headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
    ) as api:
        _make_accounts(api)
        for (label, size), sessions in product(SIZES.items(), SESSIONS):
            before = _stored(api)
            waits, elapsed = uvloop.run(_load(2525 + port_shift, size, sessions, seconds))
            assert _stored(api) - before == len(waits), "what was acknowledged is not what was stored"
            waits.sort()
            rate = len(waits) / elapsed
            p50, p99 = (waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.99))
            table.add_row(label, str(sessions), f"{rate:.0f}", f"{rate * size / 1e6:.1f}", f"{p50:.1f}", f"{p99:.1f}")
    Console().print(table)


def _make_accounts(api: httpx.Client) -> None:
    if api.post("/v1/domains", json={"name": DOMAIN}).status_code == httpx.codes.CONFLICT:
        return
    for number in range(ACCOUNTS):
        account = {"address": f"u{number:03d}@{DOMAIN}", "password": os.urandom(16).hex(), "quota_bytes": 0}
        api.post("/v1/accounts", json=account).raise_for_status()


def _stored(api: httpx.Client) -> int:
    """Messages in all mailboxes of the bench's accounts."""
    return sum(account["message_count"] for account in _accounts(api) if account["address"].endswith(f"@{DOMAIN}"))


def _accounts(api: httpx.Client) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = api.get("/v1/accounts", params={"limit": 500} | ({"cursor": cursor} if cursor else {})).raise_for_status().json()
        yield from page["items"]
        cursor = page["next_cursor"]


async def _load(port: int, size: int, sessions: int, seconds: float) -> tuple[list[float], float]:
    """Seconds from each final dot to its 250, and the time that all of it took."""
    waits: list[float] = []
    begin = time.perf_counter()

    async def session(first: int) -> None:
        number = first
        while time.perf_counter() - begin < seconds:
            waits.append(await _send(port, number, size))
            number += sessions

    async with asyncio.TaskGroup() as group:
        for first in range(sessions):
            group.create_task(session(first))
    return waits, time.perf_counter() - begin


async def _send(port: int, number: int, size: int) -> float:
    reader, writer = await asyncio.open_connection(HOST, port)
    recipient = f"u{number % ACCOUNTS:03d}@{DOMAIN}"
    try:
        await _expect(reader, b"220")
        for command in ("EHLO bench.test", "MAIL FROM:<bench@elsewhere.test>", f"RCPT TO:<{recipient}>"):
            writer.write(command.encode() + b"\r\n")
            await _expect(reader, b"250")
        writer.write(b"DATA\r\n")
        await _expect(reader, b"354")
        header = f"From: <bench@elsewhere.test>\r\nTo: <{recipient}>\r\nSubject: {number} {os.urandom(8).hex()}\r\n\r\n".encode()
        writer.write(header + LINE * ((size - len(header)) // len(LINE)) + b".\r\n")
        sent = time.perf_counter()
        await _expect(reader, b"250")
        return time.perf_counter() - sent
    finally:
        writer.close()


async def _expect(reader: asyncio.StreamReader, code: bytes) -> None:
    while (line := await reader.readuntil(b"\n"))[3:4] == b"-":
        pass
    assert line.startswith(code), line


if __name__ == "__main__":
    typer.run(main)
