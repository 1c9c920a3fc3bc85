"""What a domain publishes, against a real DNS server, and what clients and other hosts are told of it."""

import plistlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from api.deps import Backend
from api.dns_records import Hosts, Wanted, compare, policy, policy_id
from delivery.dane import Tlsa, authenticates
from kit.certificates import TestAuthority
from kit.dns import DnsServer, dns_process, dns_server
from mailstead.model.dns import Answer, Kind, NoRecords, NoSuchName, Records, Trouble
from mailstead.ops.dns import Resolver
from mailstead.ops.tls import TlsFiles
from unit.api.test_api_routes import ALICE, assert_problem, created

__all__ = ["dns_process", "dns_server"]

Client = httpx.AsyncClient
SPF = Wanted("SPF", Kind.TXT, "a.test", "v=spf1 mx -all")
DMARC = Wanted("DMARC", Kind.TXT, "_dmarc.a.test", "v=DMARC1; p=quarantine", begins="v=DMARC1;")
MX = Wanted("MX", Kind.MX, "a.test", "mail.test")


@pytest.mark.parametrize(
    ("wanted", "answer", "state"),
    [
        (SPF, Records(("google-site-verification=x", "v=spf1 mx  -all")), "ok"),
        (SPF, Records(("v=spf1 include:other.test -all",)), "differs"),
        (SPF, Records(("v=spf1 mx -all", "v=spf1 -all")), "differs"),
        (SPF, Records(("something else",)), "missing"),
        (SPF, NoRecords(), "missing"),
        (SPF, NoSuchName(), "missing"),
        (SPF, Trouble("x"), "unknown"),
        (DMARC, Records(("v=DMARC1; p=none",)), "ok"),
        (DMARC, Records(("v=DMARC1; p=none", "v=DMARC1; p=reject")), "differs"),
        (MX, Records(("other.test", "Mail.test")), "ok"),
        (MX, Records(("other.test",)), "differs"),
    ],
)
def test_what_is_found_is_compared(wanted: Wanted, answer: Answer, state: str) -> None:
    assert compare(wanted, answer)[0] == state


async def states(client: Client, **query: str) -> dict[tuple[str, str], str]:
    answer = await client.get("/v1/domains/a.test/dns", params=query)
    assert answer.status_code == 200, answer.text
    return {(record["purpose"], record["name"]): record["state"] for record in answer.json()["records"]}


async def test_the_records_as_given_are_found(
    client: Client, backend: Backend, dns_server: DnsServer, authority: TestAuthority
) -> None:
    object.__setattr__(backend, "tls", TlsFiles(authority.certificate, authority.key))
    await created(client, "/v1/domains", {"name": "a.test"})
    await client.post("/v1/domains/a.test/signing-keys", json={"selector": "s1", "algorithm": "ed25519-sha256"})
    resolver = Resolver((dns_server.host,), dns_server.port, seconds=5)
    object.__setattr__(backend, "resolver", resolver)
    assert set((await states(client, check="false")).values()) == {"unknown"}
    dns_server.records("a TXT unrelated")
    assert set((await states(client)).values()) == {"missing"}
    published: list[dict[str, Any]] = (await client.get("/v1/domains/a.test/dns")).json()["records"]
    (tlsa,) = [record["value"] for record in published if record["purpose"] == "DANE"]
    certificate = load_pem_x509_certificate(authority.certificate.read_bytes()).public_bytes(Encoding.DER)
    usage, selector, matching, data = tlsa.split()
    record = Tlsa(int(usage), int(selector), int(matching), bytes.fromhex(data))
    assert authenticates([record], [certificate], "mail.test", datetime.now(UTC)), "as delivery judges it"

    def line(record: dict[str, Any]) -> str:
        value = f'"{record["value"]}"' if record["type"] == "TXT" else record["value"]
        return f"{record['name']}. {record['type']} {value}"

    dns_server.records("a CAA 0 issue x", *map(line, published))
    resolver = Resolver((dns_server.host,), dns_server.port, seconds=5)
    object.__setattr__(backend, "resolver", resolver)
    assert set((await states(client)).values()) == {"ok"}
    await resolver.close()


async def test_a_domain_is_verified_by_who_can_publish(
    client: Client, backend: Backend, dns_server: DnsServer, with_scopes: Callable[..., Awaitable[Client]]
) -> None:
    tenant = await created(client, "/v1/tenants", {"name": "theirs"})
    object.__setattr__(backend, "verify_domains", True)
    theirs = await with_scopes("admin", tenant_id=tenant["id"])
    made = await created(theirs, "/v1/domains", {"name": "a.test"})
    assert (made["active"], made["verified_at"]) == (False, None)
    assert_problem(await theirs.patch("/v1/domains/a.test", json={"active": True}), 409, "active")
    records = (await theirs.get("/v1/domains/a.test/dns?check=false")).json()["records"]
    (wanted,) = [record for record in records if record["purpose"] == "ownership"]
    path = "/v1/domains/a.test/dns/verification"
    for found in ("mailstead-domain=" + "0" * 40, wanted["value"]):
        dns_server.records(f'_mailstead.a TXT "{found}"')
        resolver = Resolver((dns_server.host,), dns_server.port, seconds=5)
        object.__setattr__(backend, "resolver", resolver)
        answer = await theirs.put(path)
        if found != wanted["value"]:
            assert wanted["value"] in assert_problem(answer, 409, "domain")["errors"][0]["detail"]
    assert answer.status_code == 200
    assert answer.json()["active"]
    assert answer.json()["verified_at"]
    await resolver.close()
    records = (await theirs.get("/v1/domains/a.test/dns?check=false")).json()["records"]
    assert not [record for record in records if record["purpose"] == "ownership"]
    await theirs.patch("/v1/domains/a.test", json={"active": False})
    assert (await theirs.patch("/v1/domains/a.test", json={"active": True})).status_code == 200


async def test_dns_that_is_away_is_said_so(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    assert set((await states(client)).values()) == {"unknown"}
    assert_problem(await client.get("/v1/domains/b.test/dns"), 404)


async def test_the_policy_of_mta_sts(anonymous: Client, client: Client, backend: Backend) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    del anonymous.headers["Authorization"]
    answer = await anonymous.get("/.well-known/mta-sts.txt", headers={"Host": "mta-sts.a.test:443"})
    assert answer.text == "version: STSv1\r\nmode: testing\r\nmx: mail.test\r\nmax_age: 604800\r\n" == policy(backend.hosts)
    assert answer.headers["content-type"].startswith("text/plain")
    assert (await anonymous.get("/.well-known/mta-sts.txt", headers={"Host": "mta-sts.b.test"})).status_code == 404
    assert policy_id(backend.hosts) != policy_id(Hosts("mail.test", "web.test", "enforce"))


async def test_clients_find_their_settings(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    profile = await client.get(f"/v1/accounts/{account['id']}/mobileconfig")
    (mail,) = plistlib.loads(profile.content)["PayloadContent"]
    assert (mail["EmailAddress"], mail["IncomingMailServerHostName"]) == ("alice@a.test", "mail.test")
    del client.headers["Authorization"]
    for path in ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"):
        for query, host in (({"emailaddress": "alice@a.test"}, "x.test"), ({}, "autoconfig.a.test")):
            root = ElementTree.fromstring((await client.get(path, params=query, headers={"Host": host})).content)
            servers = {server.get("type"): server.findtext("hostname") for server in root.iter() if server.get("type")}
            assert servers == {"imap": "mail.test", "pop3": "mail.test", "smtp": "mail.test"}
    asked = b"<Autodiscover><Request><EMailAddress>alice@a.test</EMailAddress></Request></Autodiscover>"
    answer = await client.post("/autodiscover/autodiscover.xml", content=asked)
    assert [element.text for element in ElementTree.fromstring(answer.content).iter() if element.tag.endswith("Port")] == [
        "993",
        "995",
        "465",
    ]
    for body, status in ((b"", 400), (asked.replace(b"a.test", b"b.test"), 404), (b"x" * 17_000, 413)):
        assert (await client.post("/autodiscover/autodiscover.xml", content=body)).status_code == status
    assert (await client.get("/mail/config-v1.1.xml", headers={"Host": "autoconfig.b.test"})).status_code == 404
