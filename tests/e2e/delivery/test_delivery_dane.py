"""DANE with real parts: a signed zone, a resolver that validates, hosts whose certificates are named by TLSA records or not."""

import hashlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit.delivering import House
from kit.dns import DnsServer
from kit.smtp_host import SmtpHost, smtp_host
from kit.unbound import ValidatedDns, validated_dns
from kit.waiting import eventually
from mailstead.ops.own_certificate import Certificates

__all__ = ["validated_dns"]
RECORDS = ("dest MX 10 mx.dest", "mx.dest A 127.0.0.3")


@pytest.fixture
def dns_server(validated_dns: ValidatedDns) -> DnsServer:
    """What the house calls its DNS is the signed zone here."""
    validated_dns.zone.records()
    return validated_dns.zone


@dataclass
class Identity:
    """A host's certificate for mx.dest.test and what signed it; the TLSA record of each, by its three numbers."""

    server: ssl.SSLContext
    chain: list[x509.Certificate]

    def record(self, usage: int, selector: int, matching: int) -> str:
        certificate = self.chain[0 if usage == 3 else 1]
        octets = certificate.public_bytes(Encoding.DER)
        if selector == 1:
            octets = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        match matching:
            case 1:
                octets = hashlib.sha256(octets).digest()
            case 2:
                octets = hashlib.sha512(octets).digest()
        return f"{usage} {selector} {matching} {octets.hex()}"


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    """`own`; `stranger` of another authority; `misnamed` of the authority of `own`, for another name."""

    def made(files: Certificates, name: str) -> Identity:
        files.ensure((name,))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
        return Identity(context, x509.load_pem_x509_certificates(files.certificate.read_bytes()))

    files = Certificates(tmp_path_factory.mktemp("own"))
    own, misnamed = made(files, "mx.dest.test"), made(files, "mx.elsewhere.test")
    stranger = made(Certificates(tmp_path_factory.mktemp("stranger")), "mx.dest.test")
    return {"own": own, "misnamed": misnamed, "stranger": stranger}


@pytest.fixture
async def dest(house: House, identities: dict[str, Identity]) -> AsyncIterator[SmtpHost]:
    async with smtp_host("127.0.0.3", house.mail_port) as host:
        host.offers, host.tls = ["PIPELINING", "8BITMIME", "STARTTLS"], identities["own"].server
        yield host


def publish(house: House, *tlsa: str) -> None:
    house.dns.records(*RECORDS, *(f"_{house.mail_port}._tcp.mx.dest TLSA {record}" for record in tlsa))


def settings(resolver: ValidatedDns, **changes: Any) -> dict[str, Any]:
    return {"delivery_dns_port": resolver.port, "delivery_dane": "opportunistic"} | changes


@pytest.mark.parametrize("record", [(3, 1, 1), (3, 0, 2), (3, 0, 0), (2, 0, 1), (2, 1, 1), (2, 0, 0)])
async def test_a_certificate_that_a_record_names(
    house: House, dest: SmtpHost, validated_dns: ValidatedDns, identities: dict[str, Identity], record: tuple[int, int, int]
) -> None:
    publish(house, identities["own"].record(*record))
    async with house.delivering(**settings(validated_dns)) as runtime:
        await house.settled(await house.send("bob@dest.test"))
        labels = {"demand": "dane", "result": "successful"}
        assert runtime.registry.get_sample_value("mailstead_delivery_tls_sessions_total", labels) == 1
    assert [taken.tls for taken in dest.taken] == [True]


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ((3, 1, 1), "stranger"),
        ((2, 0, 1), "stranger"),
        ((2, 0, 0), "stranger"),
        ((2, 0, 1), "misnamed"),  # RFC 7672 §3.1.2: of an authority's certificates only the host's own
        ((3, 1, 1), "plain"),  # RFC 7672 §2.2: a host with TLSA records does TLS
        ((1, 0, 1), "plain"),  # … also when none of them can be used
    ],
)
async def test_mail_waits_where_no_record_names_the_certificate(
    house: House,
    dest: SmtpHost,
    validated_dns: ValidatedDns,
    identities: dict[str, Identity],
    record: tuple[int, int, int],
    shown: str,
) -> None:
    publish(house, identities["own"].record(*record))
    if shown == "plain":
        dest.offers = ["PIPELINING"]
    else:
        dest.tls = identities[shown].server
    async with house.delivering(**settings(validated_dns)):
        queue_id = await house.send("bob@dest.test")

        async def attempted() -> bool:
            return bool(await house.attempts(queue_id))

        await eventually(attempted, what="an attempt")
    attempt = (await house.attempts(queue_id))[0]
    assert (attempt.outcome, attempt.status, dest.taken) == ("deferred", "4.7.5", [])


@pytest.mark.parametrize("way", ["off", "resolver that does not validate", "no records"])
async def test_without_records_that_are_vouched_for_tls_is_opportunistic(
    house: House, dest: SmtpHost, validated_dns: ValidatedDns, identities: dict[str, Identity], way: str
) -> None:
    publish(house, *([] if way == "no records" else [identities["stranger"].record(3, 1, 1)]))
    changes: dict[str, Any] = {"off": {"delivery_dane": "off"}, "no records": {}}.get(way, {"delivery_dns_port": house.dns.port})
    async with house.delivering(**settings(validated_dns, **changes)):
        await house.settled(await house.send("bob@dest.test"))
    assert [taken.tls for taken in dest.taken] == [True]


async def test_records_that_name_the_host_vouch_for_what_requires_tls(
    house: House, dest: SmtpHost, validated_dns: ValidatedDns, identities: dict[str, Identity]
) -> None:
    """RFC 8689 §4.2.1: by DNSSEC and DANE, without any policy."""
    publish(house, identities["own"].record(3, 1, 1))
    dest.offers = [*dest.offers, "REQUIRETLS"]
    async with house.delivering(**settings(validated_dns)):
        states = await house.settled(await house.send("bob@dest.test", require_tls=True))
    assert states["bob@dest.test"].state == "delivered"
    assert " REQUIRETLS" in dest.taken[0].mail
