"""MTA-STS and REQUIRETLS with real parts: DNS, a policy over HTTPS, hosts whose certificates are right or wrong."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.delivering import MESSAGE, House
from kit.policy_host import PolicyHost, policy_host
from kit.smtp_host import SmtpHost, smtp_host
from kit.waiting import eventually
from mailstead.ops.own_certificate import Certificates

RECORDS = (
    "dest MX 10 mx.dest",
    "mx.dest A 127.0.0.3",
    "mta-sts.dest A 127.0.0.4",
    '_mta-sts.dest TXT "v=STSv1; id=1;"',
)
TLS = ["PIPELINING", "8BITMIME", "STARTTLS"]


def policy(mode: str, mx: str = "mx.dest.test") -> bytes:
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n".encode()


@dataclass
class Ours:
    """Certificates of one authority: the right one, and one for another name."""

    authority: Path
    right: ssl.SSLContext
    wrong: ssl.SSLContext


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Ours:
    files = Certificates(tmp_path_factory.mktemp("sts"))

    def context(*names: str) -> ssl.SSLContext:
        files.ensure(names)
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(files.certificate, files.key)
        return made

    right = context("mx.dest.test", "mta-sts.dest.test")
    return Ours(files.authority, right, context("mx.elsewhere.test"))


@dataclass
class Dest:
    """dest.test: its mail host, which offers STARTTLS, and its policy host."""

    host: SmtpHost
    policies: PolicyHost
    ours: Ours

    @property
    def settings(self) -> dict[str, Any]:
        return {"delivery_mta_sts_port": self.policies.port, "delivery_tls_authorities": self.ours.authority}


@pytest.fixture
async def dest(house: House, ours: Ours) -> AsyncIterator[Dest]:
    house.dns.records(*RECORDS)
    async with AsyncExitStack() as parts:
        host = await parts.enter_async_context(smtp_host("127.0.0.3", house.mail_port))
        policies = await parts.enter_async_context(policy_host("127.0.0.4", ours.right))
        host.offers, host.tls = list(TLS), ours.right
        policies.body = policy("enforce")
        yield Dest(host, policies, ours)


async def test_a_sender_may_put_delivery_before_security(house: House, dest: Dest) -> None:
    """RFC 8689 §5: TLS-Required: No has the domain's policy disregarded, but not the REQUIRETLS of the same message."""
    dest.host.tls = dest.ours.wrong
    relaxed = b"TLS-Required: No\r\n" + MESSAGE
    async with house.delivering(**dest.settings):
        assert (await house.settled(await house.send("bob@dest.test", message=relaxed)))["bob@dest.test"].state == "delivered"
        both = await house.settled(await house.send("bob@dest.test", message=relaxed, require_tls=True))
        assert (both["bob@dest.test"].state, both["bob@dest.test"].status) == ("failed", "5.7.30")
    (taken,) = dest.host.taken
    assert taken.tls
    assert b"TLS-Required: No\r\n" in taken.content


async def deferred_with(house: House, dest: Dest, status: str, words: str) -> None:
    """What is sent now waits, for this reason, and nothing left."""
    async with house.delivering(**dest.settings):
        queue_id = await house.send("bob@dest.test")
        await eventually(lambda: _attempted(house, queue_id), what="an attempt")
    attempt = (await house.attempts(queue_id))[0]
    assert (attempt.outcome, attempt.status) == ("deferred", status)
    assert words in attempt.reply
    assert dest.host.taken == []


async def _attempted(house: House, queue_id: Any) -> bool:
    return bool(await house.attempts(queue_id))


async def test_enforce_and_the_right_certificate(house: House, dest: Dest) -> None:
    async with house.delivering(**dest.settings) as runtime:
        for _ in range(2):
            await house.settled(await house.send("bob@dest.test"))
        labels = {"demand": "sts-enforce", "result": "successful"}
        assert runtime.registry.get_sample_value("mailstead_delivery_tls_sessions_total", labels) == 1
    assert [taken.tls for taken in dest.host.taken] == [True, True]
    assert dest.policies.asked == ["mta-sts.dest.test"]  # once: it is kept


async def test_enforce_and_a_wrong_certificate(house: House, dest: Dest) -> None:
    """RFC 8461 §5: "MUST NOT deliver the message to hosts that fail MX matching or certificate validation"."""
    dest.host.tls = dest.ours.wrong
    await deferred_with(house, dest, "4.7.5", "certificate not accepted: Hostname mismatch")


async def test_enforce_and_no_starttls(house: House, dest: Dest) -> None:
    dest.host.offers = ["PIPELINING"]
    await deferred_with(house, dest, "4.7.5", "does not offer STARTTLS")


async def test_enforce_and_a_host_that_the_policy_does_not_name(house: House, dest: Dest) -> None:
    dest.policies.body = policy("enforce", "*.mx.dest.test")
    await deferred_with(house, dest, "4.7.5", "not a mail host of the domain")
    assert dest.host.connections == 0


async def test_testing_and_a_wrong_certificate(house: House, dest: Dest) -> None:
    """RFC 8461 §5: delivered all the same, and counted."""
    dest.host.tls, dest.policies.body = dest.ours.wrong, policy("testing")
    async with house.delivering(**dest.settings) as runtime:
        await house.settled(await house.send("bob@dest.test"))
        labels = {"demand": "sts-testing", "result": "certificate-host-mismatch"}
        assert runtime.registry.get_sample_value("mailstead_delivery_tls_sessions_total", labels) == 1
    assert [taken.tls for taken in dest.host.taken] == [True]


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"status": "302 Found"}, "sts-policy-fetch-error"),  # RFC 8461 §3.3: redirects are not followed
        ({"content_type": "text/html"}, "sts-policy-fetch-error"),
        ({"body": b"x" * 70_000}, "sts-policy-fetch-error"),
        ({"body": b"mode: enforce"}, "sts-policy-invalid"),
    ],
)
async def test_a_policy_that_cannot_be_had_is_none(house: House, dest: Dest, change: dict[str, Any], result: str) -> None:
    dest.host.tls = dest.ours.wrong
    for name, value in change.items():
        setattr(dest.policies, name, value)
    async with house.delivering(**dest.settings) as runtime:
        await house.settled(await house.send("bob@dest.test"))
        await house.settled(await house.send("bob@dest.test"))
        assert runtime.registry.get_sample_value("mailstead_delivery_mta_sts_fetches_total", {"result": result}) == 1
    assert len(dest.host.taken) == 2
    assert len(dest.policies.asked) == 1  # not again at once


async def test_a_policy_host_with_a_wrong_certificate_is_not_believed(house: House, dest: Dest) -> None:
    async with policy_host("127.0.0.5", dest.ours.wrong) as impostor:
        impostor.body = policy("enforce", "nobody.test")
        house.dns.records(*RECORDS[:2], "mta-sts.dest A 127.0.0.5", RECORDS[3])
        async with house.delivering(**dest.settings | {"delivery_mta_sts_port": impostor.port}) as runtime:
            await house.settled(await house.send("bob@dest.test"))
            labels = {"result": "sts-webpki-invalid"}
            assert runtime.registry.get_sample_value("mailstead_delivery_mta_sts_fetches_total", labels) == 1
        assert impostor.asked == []


async def test_a_message_that_requires_tls_goes_to_a_host_that_promises_it(house: House, dest: Dest) -> None:
    """RFC 8689 §4.2.1."""
    dest.host.offers = [*TLS, "REQUIRETLS"]
    async with house.delivering(**dest.settings):
        queue_id = await house.send("bob@dest.test", require_tls=True)
        states = await house.settled(queue_id)
    assert states["bob@dest.test"].state == "delivered"
    (taken,) = dest.host.taken
    assert taken.tls and " REQUIRETLS" in taken.mail


@pytest.mark.parametrize("lacks", ["offer", "starttls", "certificate", "policy"])
async def test_a_message_that_requires_tls_is_reported_where_that_cannot_be_had(house: House, dest: Dest, lacks: str) -> None:
    dest.host.offers = [*TLS, "REQUIRETLS"]
    match lacks:
        case "offer":
            dest.host.offers = TLS
        case "starttls":
            dest.host.offers = ["REQUIRETLS"]
        case "certificate":
            dest.host.tls = dest.ours.wrong
        case "policy":
            dest.policies.body = policy("none")
    async with house.delivering(**dest.settings):
        queue_id = await house.send("bob@dest.test", require_tls=True, return_full=True)
        states = await house.settled(queue_id)
    assert states["bob@dest.test"].status == "5.7.30"
    assert dest.host.taken == []
    report = await house.report()
    assert "5.7.30" in str(report) and "Hello." not in str(report)  # RFC 8689 §5: the header section only


async def test_the_report_to_another_system_requires_tls_too(house: House, dest: Dest) -> None:
    """RFC 8689 §5."""
    dest.host.offers = [*TLS, "REQUIRETLS"]
    dest.host.say["RCPT"] = ["550 5.1.1 nobody", "250 ok"]
    async with house.delivering(**dest.settings):
        await house.send("bob@dest.test", sender="carol@dest.test", require_tls=True)
        await eventually(lambda: len(dest.host.taken) == 1, what="the report arrives")
    assert dest.host.taken[0].mail.startswith("MAIL FROM:<> ") and " REQUIRETLS" in dest.host.taken[0].mail
