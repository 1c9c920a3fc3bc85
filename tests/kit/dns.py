"""A real DNS server for tests: knot (Debian's package `knot`), authoritative for the zone `test.` on a loopback port.

What the records do not name does not exist (NXDOMAIN). Of every name in `broken.` no server knows anything (SERVFAIL). All hosts
share one mail port in tests, so each has a loopback address of its own: 127.0.0.2, 127.0.0.3, …

    def test_something(dns_server): dns_server.records("dest MX 10 mx.dest", "mx.dest A 127.0.0.2")
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from kit.ports import free_port
from kit.waiting import eventually_now

KNOTD = shutil.which("knotd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
KNOTC = shutil.which("knotc", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

SERIALS = 1000  # between two states of the zone: signing takes numbers of its own

_CONFIGURATION = """
server:
    rundir: "{folder}/run"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: "{folder}/run/knot.sock"
log:
  - target: "{folder}/knot.log"
    any: info
database:
    storage: "{folder}/db"
template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
  - domain: test.
    file: test.zone
    dnssec-signing: {signed}
  - domain: broken.
    file: there-is-none.zone
"""


class DnsServer:
    """knotd in a folder of its own. Records live for a second only, so that a cache does not outlive a change."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, *, signed: bool = False) -> None:
        if KNOTD is None or KNOTC is None:
            pytest.skip("no DNS server: knotd and knotc are not installed (Debian: apt-get install knot)")
        self.port = free_port()
        self.resolver: int | None = None  # the port of one that is to know of a change, too
        self._folder = folder
        self._configuration = folder / "knot.conf"
        self._serial = 0
        for name in ("run", "db"):
            (folder / name).mkdir()
        self._configuration.write_text(_CONFIGURATION.format(folder=folder, port=self.port, signed="on" if signed else "off"))
        self._process: subprocess.Popen[bytes] | None = None
        self._write(())

    def start(self) -> None:
        assert KNOTD
        self._process = subprocess.Popen([KNOTD, "-c", str(self._configuration)], stderr=subprocess.DEVNULL)
        eventually_now(lambda: self._serial_served(self.port) == self._serial, what="knotd answers")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=10)

    def records(self, *lines: str) -> None:
        """Serve exactly these, as in a zone file: names relative to `test.`, class and TTL left out."""
        assert KNOTC
        if self.resolver:
            self._serial_served(self.resolver)  # kept until its second is over, as whatever it knows: see below
        self._write(lines)
        command = [KNOTC, "-c", str(self._configuration), "-b", "zone-reload", "test."]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=10)
        eventually_now(lambda: self._serial_served(self.port) == self._serial, what="knotd serves the new zone")
        if resolver := self.resolver:
            eventually_now(lambda: self._serial_served(resolver) == self._serial, what="the resolver has the new zone")

    def _write(self, lines: tuple[str, ...]) -> None:
        self._serial += 1
        head = ("$ORIGIN test.", "$TTL 1", f"@ SOA ns.test. hostmaster.test. {self._serial * SERIALS} 1 1 1 1", "@ NS ns.test.")
        (self._folder / "test.zone").write_text("\n".join([*head, "ns A 127.0.0.1", *lines, ""]))

    def _serial_served(self, port: int) -> int | None:
        try:
            question = dns.message.make_query("test.", dns.rdatatype.SOA)
            answer = dns.query.udp(question, self.host, port=port, timeout=1)
            return int(answer.answer[0][0].serial) // SERIALS if answer.rcode() == dns.rcode.NOERROR and answer.answer else None
        except (dns.exception.DNSException, OSError):
            return None


@pytest.fixture(scope="session")
def dns_process() -> Iterator[DnsServer]:
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="mailstead-dns-")))
        server = DnsServer(folder)
        ending.callback(server.stop)
        server.start()
        yield server


@pytest.fixture
def dns_server(dns_process: DnsServer) -> DnsServer:
    """The run's DNS server, with no records but its own."""
    dns_process.records()
    return dns_process
