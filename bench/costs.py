"""What each operation costs: CPU of its service and of PostgreSQL, commits, write-ahead log, and growth of the database.

    .venv/bin/python bench/costs.py DATA_FOLDER

These are the figures behind the capacity model in docs/scaling.md. Start the system with
MAILSTEAD_PLAINTEXT_AUTH_NETWORKS=127.0.0.0/8; nothing else may use it meanwhile. Mail goes to an account of its own, whose INBOX
has 3,500 messages when it is read.
"""

import asyncio
import os
import shlex
import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from imaplib import IMAP4
from pathlib import Path
from poplib import POP3
from threading import Lock
from typing import Annotated
from urllib.parse import quote

import asyncpg
import httpx
import typer
from rich.console import Console
from rich.table import Table

from mailstead_local.folder import DataFolder
from mailstead_local.ports import HOST, Ports

DOMAIN = "costs.test"
PASSWORD = "correct-horse-battery"
CLIENTS = 16
TICKS = os.sysconf("SC_CLK_TCK")
BODY = b"this is a line of some seventy characters, of which there are a few.\r\n"

Operation = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Used:
    """Since the start: CPU seconds, commits, octets."""

    service: float
    postgres: float
    commits: int
    log: int
    database: int


def main(
    data: Annotated[Path, typer.Argument(help="The data folder of `make run`")],
    port_shift: Annotated[int, typer.Option(envvar="MAILSTEAD_PORT_SHIFT")] = 0,
) -> None:
    """Print one row for each operation."""
    token = dict(line.split("=", 1) for line in shlex.split((data / "demo.env").read_text()))["ADMIN_TOKEN"]
    ports = Ports.shifted(port_shift)
    user = f"costs{os.getpid()}@{DOMAIN}"
    with httpx.Client(
        base_url=f"http://{HOST}:{ports.api}", headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
    ) as api:
        api.post("/v1/domains", json={"name": DOMAIN})
        api.post("/v1/accounts", json={"address": user, "password": PASSWORD}).raise_for_status()
    meter = Meter(DataFolder(data), ports)
    table = Table("operation", "service ms", "PostgreSQL ms", "commits", "log KiB", "database KiB")
    for name, service, times, operation in _operations(ports, user):
        operation(0)  # what is done once in a while, as checking a password, is done before
        before = asyncio.run(meter.read(service))
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(operation, range(1, times + 1)))
        after = asyncio.run(meter.read(service))
        table.add_row(
            name,
            f"{(after.service - before.service) / times * 1000:.2f}",
            f"{(after.postgres - before.postgres) / times * 1000:.2f}",
            f"{(after.commits - before.commits) / times:.2f}",
            f"{(after.log - before.log) / times / 1024:.1f}",
            f"{(after.database - before.database) / times / 1024:.1f}",
        )
    Console().print(table)


def _operations(ports: Ports, user: str) -> list[tuple[str, str, int, Operation]]:
    """(what it is called, whose it is, how often it is done, itself)."""

    def deliver(size: int) -> Operation:
        content = b"From: <a@elsewhere.test>\r\nTo: <%b>\r\nSubject: %%d\r\n\r\n" % user.encode() + BODY * (size // len(BODY))

        def send(number: int) -> None:
            with smtplib.SMTP(HOST, ports.smtp) as client:
                client.sendmail("a@elsewhere.test", [user], content.replace(b"%d", b"%d-%d" % (size, number)))

        return send

    def imap(*commands: tuple[str, ...]) -> Operation:
        def session(_number: int) -> None:
            with IMAP4(HOST, ports.imap) as client:
                client.login(user, PASSWORD)
                client.select("INBOX")
                for command, *arguments in commands:
                    client.uid(command, *arguments)

        return session

    one_maildrop = Lock()  # which one session has at a time

    def pop3(_number: int) -> None:
        with one_maildrop:
            client = POP3(HOST, ports.pop3)
            client.user(user)
            client.pass_(PASSWORD)
            client.stat()
            client.quit()

    return [
        ("deliver 4 KiB", "smtp_in", 3_000, deliver(4_096)),
        ("deliver 100 KiB", "smtp_in", 500, deliver(102_400)),
        ("IMAP log-in and SELECT", "imap", 500, imap()),
        ("the same, and 50 headers", "imap", 300, imap(("FETCH", "1:50", "(FLAGS ENVELOPE)"))),
        ("the same, and 20 bodies of 4 KiB", "imap", 300, imap(("FETCH", "1:20", "(BODY.PEEK[])"))),
        ("the same, and STORE of 10 flags", "imap", 300, imap(("STORE", "1:10", "+FLAGS", r"(\Flagged)"))),
        ("POP3 log-in and STAT", "pop3", 100, pop3),
    ]


class Meter:
    """Reads what the processes and the database have used."""

    def __init__(self, folder: DataFolder, ports: Ports) -> None:
        self._folder = folder
        self._observe: dict[str, list[int]] = {
            "smtp_in": [ports.observe_smtp_in, ports.observe_smtp_in_2],
            "imap": [ports.observe_imap],
            "pop3": [ports.observe_pop3],
        }

    async def read(self, service: str) -> Used:
        commits, log, database = await self._database()
        return Used(sum(map(_cpu_of_service, self._observe[service])), self._cpu_of_postgres(), commits, log, database)

    async def _database(self) -> tuple[int, int, int]:
        password, sockets = quote(self._folder.secret("postgres"), safe=""), self._folder.socket_link.readlink()
        connection = await asyncpg.connect(f"postgresql://postgres:{password}@/mailstead?host={sockets}&port=5432")
        try:
            await connection.execute("CHECKPOINT")
            row = await connection.fetchrow(
                "SELECT xact_commit, pg_current_wal_insert_lsn() - '0/0'::pg_lsn, pg_database_size(datname)"
                " FROM pg_stat_database WHERE datname = 'mailstead'"
            )
        finally:
            await connection.close()
        assert row is not None
        return int(row[0]), int(row[1]), int(row[2])

    def _cpu_of_postgres(self) -> float:
        """Of the server with the backends that are there and those that were."""
        server = int((self._folder.postgres / "postmaster.pid").read_text().splitlines()[0])
        total = 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(entry.name) == server:
                    total += sum(map(int, fields[11:15]))
                elif int(fields[1]) == server:
                    total += sum(map(int, fields[11:13]))
        return total / TICKS


def _cpu_of_service(port: int) -> float:
    for line in httpx.get(f"http://{HOST}:{port}/metrics", trust_env=False).text.splitlines():
        if line.startswith("process_cpu_seconds_total "):
            return float(line.split()[1])
    raise RuntimeError("the service does not tell its CPU time")


if __name__ == "__main__":
    typer.run(main)
