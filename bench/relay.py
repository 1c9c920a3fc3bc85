"""How fast mail leaves for other hosts, and whether dead hosts slow the living.

    PYTHONPATH=tests .venv/bin/python bench/relay.py

Two tables. The first: a full queue of mail for one host is let go, Mailstead's and Postfix's by turns, on disks that are
synced. The second: mail for many domains, first for living ones alone, then with as much for dead ones before it in the queue; of
those half refuse connections and half accept them and never say a word. The time is until the living have all of theirs.

Needs root, Debian's packages `postfix` (its smtp-sink is the other host of both) and `knot`.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from kit.dns import DnsServer
from kit.nats import NatsServer
from kit.ports import free_port
from kit.postfix import Postfix
from kit.postgres import PASSWORD, DatabaseUrls
from kit.waiting import eventually_now
from mailstead.model.ids import new_trace_id
from mailstead.store.delivery import QUEUE_LIFETIME, Delivery, Outgoing, OutgoingRecipient
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.prepare import let_services_log_in
from mailstead.store.provisioning import Provisioning
from mailstead.wire.message import parse_message
from mailstead_local.database import create_database, upgrade_schema
from mailstead_local.folder import DataFolder
from mailstead_local.postgres import Postgres
from mailstead_local.services import SERVICES

LIVING = "127.0.0.3"
RELAY = "127.0.0.2"  # where Postfix listens
ADDRESSES = 250  # of each kind of dead hosts
DOMAIN = "own.test"
CONCURRENCY = 20  # to one destination: Postfix's default
FILLERS = 64
COUNTED = re.compile(rb"mesg=\s*(\d+)")


class Sink:
    """Postfix's smtp-sink, which throws all of it away; `taken` is how many messages."""

    def __init__(self, folder: Path, port: int) -> None:
        self._counters = folder / "sink.out"
        with self._counters.open("wb") as output:
            command = ["/usr/sbin/smtp-sink", "-u", "nobody", "-c", f"{LIVING}:{port}", "1000"]
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def taken(self) -> int:
        with self._counters.open("rb") as output:
            output.seek(max(0, self._counters.stat().st_size - 400))
            found = COUNTED.findall(output.read())
        return int(found[-1]) if found else 0

    def wait_for(self, count: int, since: int, seconds: float) -> None:
        eventually_now(lambda: self.taken() - since >= count, seconds, what=f"{count} messages")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class House:
    """A database with one account, and how its queue is filled and let go."""

    def __init__(self, folder: Path, dns: DnsServer, nats: NatsServer, port: int) -> None:
        self._postgres = Postgres(DataFolder(folder), PASSWORD)
        self._postgres.start()
        sockets = str(DataFolder(folder).socket_link.readlink())
        self._urls = DatabaseUrls(sockets, "bench")
        self._dns = dns
        self._nats = nats
        self._port = port
        asyncio.run(self._prepare(DatabaseUrls(sockets, "postgres").superuser))

    async def _prepare(self, superuser: str) -> None:
        await create_database(superuser, "bench", PASSWORD)
        await upgrade_schema(self._urls.owner)
        await let_services_log_in(self._urls.owner, {service.role: PASSWORD for service in SERVICES})
        async with self._owner() as database:
            await Provisioning(database).create_domain(DOMAIN)

    @asynccontextmanager
    async def _owner(self) -> AsyncIterator[Database]:
        async with open_database(self._urls.owner, pool_size=8) as database:
            yield database

    def fill(self, recipients: list[str], size: int) -> None:
        uvloop.run(self._fill(recipients, size))

    async def _fill(self, recipients: list[str], size: int) -> None:
        async with self._owner() as database, Ingest(database, announce=lambda _: None) as ingest:
            tenant = await database.fetchrow("tenant", "SELECT tenant_id FROM tenants")
            assert tenant is not None
            todo = iter(track(recipients, "filling the queue", transient=True))

            async def filler() -> None:
                for recipient in todo:
                    outgoing = Outgoing(
                        tenant_id=tenant["tenant_id"],
                        account_id=None,
                        sender=f"alice@{DOMAIN}",
                        recipients=(OutgoingRecipient(recipient),),
                        prefix=b"",
                        expires_after=QUEUE_LIFETIME,
                    )
                    await ingest.deliver(Delivery(new_trace_id(), parse_message(message(size)), queued=(outgoing,)))

            await asyncio.gather(*(filler() for _ in range(FILLERS)))
            await database.execute("statistics", "ANALYZE queue_recipients")

    def empty(self) -> None:
        async def work() -> None:
            async with self._owner() as database:
                await database.execute("empty", "TRUNCATE queue_messages CASCADE")

        asyncio.run(work())

    @contextmanager
    def delivering(self) -> Iterator[Path]:
        """One replica, as a container runs it; its log."""
        settings = {
            "database_url": self._urls.delivery,
            "nats_url": self._nats.url,
            "hostname": "mx.own.test",
            "observe_port": 0,
            "log_level": "warning",
            "delivery_port": self._port,
            "delivery_dns_servers": self._dns.host,
            "delivery_dns_port": self._dns.port,
            "delivery_ipv6": False,
            "delivery_allow_private_networks": True,
            "delivery_mta_sts": False,
            "delivery_per_domain": CONCURRENCY,
        }
        environment = {f"MAILSTEAD_{name.upper()}": str(value) for name, value in settings.items()}
        with tempfile.NamedTemporaryFile(prefix="delivery-", suffix=".log") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "delivery"],
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                yield Path(f"/proc/{process.pid}/status")
            finally:
                process.terminate()
                process.wait(timeout=60)

    def stop(self) -> None:
        self._postgres.stop()


def message(size: int) -> bytes:
    """No two alike, or they would be kept once."""
    name = os.urandom(12).hex()
    head = f"From: alice@{DOMAIN}\r\nSubject: {name}\r\nMessage-ID: <{name}@{DOMAIN}>\r\n\r\n".encode()
    return head + (b"x" * 74 + b"\r\n") * (size // 76)


def by_mailstead(house: House, sink: Sink, count: int, size: int) -> float:
    """Seconds from the start of the process until the host has all."""
    house.fill(["bob@living.test"] * count, size)
    before, started = sink.taken(), time.monotonic()
    with house.delivering():
        sink.wait_for(count, before, 600)
        took = time.monotonic() - started
    house.empty()
    return took


def by_postfix(postfix: Postfix, sink: Sink, count: int, size: int) -> float:
    """Seconds from the flush of the queue until the host has all."""
    relaying = (
        "mynetworks = 127.0.0.0/8",
        "smtpd_recipient_restrictions = permit_mynetworks, reject",
        f"relayhost = [{LIVING}]:{postfix.port}",
    )
    postfix.configure("defer_transports = smtp", *relaying)
    known = postfix.log.count("deferred transport")
    source = ["/usr/sbin/smtp-source", "-d", "-s", "20", "-m", str(count), "-l", str(size)]
    subprocess.run([*source, "-f", f"alice@{DOMAIN}", "-t", "bob@living.test", f"{RELAY}:{postfix.port}"], check=True)
    # Until all is put off: reloaded while it was still taking mail in, Postfix hung in three runs, why is not known.
    eventually_now(lambda: postfix.log.count("deferred transport") - known >= count, 300, what="Postfix has all in its queue")
    before = sink.taken()
    postfix.configure(*relaying)
    started = time.monotonic()
    postfix.flush()
    sink.wait_for(count, before, 600)
    return time.monotonic() - started


def by_crowd(house: House, sink: Sink, recipients: list[str], living: int) -> tuple[float, int]:
    """Seconds until the living have all of theirs, and the most memory that the process took (KiB)."""
    house.fill(recipients, 2_000)
    before, started = sink.taken(), time.monotonic()
    with house.delivering() as status:
        sink.wait_for(living, before, 1_800)
        took = time.monotonic() - started
        peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    house.empty()
    return took, peak


@contextmanager
def silence(port: int) -> Iterator[None]:
    """Hosts that accept connections and say nothing."""
    code = f"""
import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
async def main():
    async def serve(reader, writer):
        await reader.read()
    hosts = [f"127.0.1.{{n}}" for n in range(1, {ADDRESSES})]
    servers = [await asyncio.start_server(serve, host, {port}, backlog=1000) for host in hosts]
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    yield
    process.kill()
    process.wait()


def records(domains: int) -> Iterator[str]:
    yield from ("living MX 10 mx.living", f"mx.living A {LIVING}")
    for n in range(domains):
        yield from (f"l{n} MX 10 mx.living", f"d{n} MX 10 mx.d{n}")
        yield f"mx.d{n} A 127.0.{1 + n % 2}.{1 + n // 2 % (ADDRESSES - 1)}"


def main(
    count: Annotated[int, typer.Option(help="Messages for the one host")] = 5_000,
    size: Annotated[int, typer.Option(help="Octets of each")] = 4_096,
    repetitions: Annotated[int, typer.Option(help="Of the first table")] = 3,
    crowd: Annotated[int, typer.Option(help="Messages of the second table, half of them for the living")] = 100_000,
    domains: Annotated[int, typer.Option(help="Their domains, half of them living")] = 5_000,
) -> None:
    """Print both tables."""
    port = free_port()
    console = Console()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="mailstead-relay-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        for name in ("dns", "nats", "postfix", "house"):
            (folder / name).mkdir()
        dns, nats = DnsServer(folder / "dns"), NatsServer(folder / "nats")
        ending.callback(dns.stop)
        dns.start()
        dns.records(*records(domains // 2))
        nats.start()
        ending.callback(nats.kill)
        sink = Sink(folder, port)
        ending.callback(sink.stop)
        house = House(folder / "house", dns, nats, port)
        ending.callback(house.stop)

        postfix = Postfix(folder / "postfix", [], RELAY, port, None)
        ending.callback(postfix.stop)
        postfix.start()
        table = Table(
            "round", "Mailstead, messages/s", "Postfix, messages/s", "ratio", title=f"{count} × {size} octets to one host"
        )
        for n in range(repetitions):
            ours, theirs = by_mailstead(house, sink, count, size), by_postfix(postfix, sink, count, size)
            table.add_row(str(n + 1), f"{count / ours:.0f}", f"{count / theirs:.0f}", f"{theirs / ours:.2f}")
        console.print(table)
        postfix.stop()

        half = crowd // 2
        living = [f"bob@l{n % (domains // 2)}.test" for n in range(half)]
        dead = [f"bob@d{n % (domains // 2)}.test" for n in range(half)]
        table = Table("queue", "until the living have theirs, s", "messages/s", "memory, MiB")
        with silence(port):
            for name, queue in (("the living alone", living), ("the dead first", dead + living)):
                took, peak = by_crowd(house, sink, queue, half)
                table.add_row(name, f"{took:.1f}", f"{half / took:.0f}", f"{peak / 1024:.0f}")
        console.print(table)


if __name__ == "__main__":
    typer.run(main)
