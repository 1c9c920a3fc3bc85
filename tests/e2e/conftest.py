"""Fixtures of the kit that end-to-end tests share, and a stack whose mail for other systems stays on loopback."""

import pytest

from kit.delivering import house
from kit.dns import KNOTD, DnsServer, dns_process, dns_server
from kit.exim import exim
from kit.ports import free_port
from kit.postfix import mail_port, postfix

__all__ = ["dns_process", "dns_server", "exim", "house", "mail_port", "postfix"]


@pytest.fixture(scope="session")
def stack_settings(request: pytest.FixtureRequest, mail_port: int) -> dict[str, str]:
    """Delivery asks the tests' DNS server, or one that does not answer where there is none, and finds hosts on one port."""
    dns_port = free_port()
    if KNOTD is not None:
        server: DnsServer = request.getfixturevalue("dns_process")
        dns_port = server.port
    return {
        "MAILSTEAD_DRAIN_SECONDS": "5",
        "MAILSTEAD_DELIVERY_DNS_SERVERS": "127.0.0.1",
        "MAILSTEAD_DELIVERY_DNS_PORT": str(dns_port),
        "MAILSTEAD_DELIVERY_PORT": str(mail_port),
        "MAILSTEAD_DELIVERY_IPV6": "false",
        "MAILSTEAD_DELIVERY_ALLOW_PRIVATE_NETWORKS": "true",
        "MAILSTEAD_DELIVERY_RETRY_FIRST_SECONDS": "0.5",
    }
