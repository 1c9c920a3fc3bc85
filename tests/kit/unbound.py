"""A signed zone `test.` (knot) and a resolver that validates it (Debian's package `unbound`), on loopback ports.

The resolver keeps what it knows until the second is over, which a change of the zone waits for.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import pytest

from kit.dns import DnsServer
from kit.ports import free_port
from kit.waiting import eventually_now

UNBOUND = shutil.which("unbound", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

_CONFIGURATION = """
server:
    interface: 127.0.0.1
    port: {port}
    num-threads: 1
    do-daemonize: no
    do-not-query-localhost: no
    use-syslog: no
    logfile: "{folder}/unbound.log"
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
    module-config: "validator iterator"
    local-zone: "test." nodefault
    trust-anchor: "{anchor}"
stub-zone:
    name: "test."
    stub-addr: 127.0.0.1@{authority}
remote-control:
    control-enable: no
"""


@dataclass
class ValidatedDns:
    """`zone` is what is served; `port` is the resolver's, on 127.0.0.1."""

    zone: DnsServer
    port: int


@pytest.fixture(scope="module")
def validated_dns() -> Iterator[ValidatedDns]:
    if UNBOUND is None:
        pytest.skip("no validating resolver: unbound is not installed (Debian: apt-get install unbound)")
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="mailstead-dnssec-")))
        zone = DnsServer(folder, signed=True)
        ending.callback(zone.stop)
        zone.start()
        port = free_port()
        configuration = folder / "unbound.conf"
        configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, authority=zone.port, anchor=_anchor(zone)))
        process = subprocess.Popen([UNBOUND, "-d", "-c", str(configuration)], stderr=subprocess.DEVNULL)
        ending.callback(process.wait, timeout=10)
        ending.callback(process.terminate)
        eventually_now(lambda: _validates(port), what="unbound validates")
        zone.resolver = port
        yield ValidatedDns(zone, port)


def _anchor(zone: DnsServer) -> str:
    """The key-signing key of the zone, as a record."""
    answer = dns.query.tcp(dns.message.make_query("test.", dns.rdatatype.DNSKEY), zone.host, port=zone.port, timeout=5)
    (key,) = (record for record in answer.answer[0] if record.flags & 1)
    return f"test. DNSKEY {key.to_text()}"


def _validates(port: int) -> bool:
    try:
        question = dns.message.make_query("test.", dns.rdatatype.SOA, flags=dns.flags.RD | dns.flags.AD)
        return bool(dns.query.udp(question, "127.0.0.1", port=port, timeout=1).flags & dns.flags.AD)
    except (dns.exception.DNSException, OSError):
        return False
