"""Rules of the operator at work: a smart host that wants a password, a relay by LMTP, the least TLS, an address of ours."""

import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from delivery.rates import Rates
from delivery.rules import NO_RULE, Rule
from kit.delivering import House
from kit.ports import free_port
from kit.smtp_host import smtp_host
from kit.waiting import eventually
from mailstead.ops.own_certificate import Certificates
from mailstead.store.delivery_rules import DeliveryRules, SecretRule
from mailstead.store.limits import Limits


def rule(domain: str, **given: Any) -> SecretRule:
    fields: dict[str, Any] = dict.fromkeys(("tenant_id", "host", "port", "username", "password", "source", "hello"))
    return SecretRule(**(fields | {"domain": domain, "protocol": "smtp", "tls": "opportunistic"} | given))


class Relay:
    """What aiosmtpd took, and who had logged in."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes | None, str | None, list[str]]] = []

    async def handle_DATA(self, _server: object, session: Session, envelope: Envelope) -> str:
        login = session.auth_data.login if isinstance(session.auth_data, LoginPassword) else None
        self.taken.append((login, envelope.mail_from, envelope.rcpt_tos))
        return "250 2.0.0 relayed"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    files = Certificates(tmp_path_factory.mktemp("rules"))
    files.ensure(("relay.test",))
    return files


@pytest.fixture(params=["PLAIN", "LOGIN"])
def smart_host(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[tuple[Relay, int]]:
    """Another implementation, which takes mail from who has logged in, by TLS, and from nobody else."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    relay = Relay()
    controller = Controller(
        relay,
        hostname="127.0.0.5",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        auth_exclude_mechanism=[{"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[request.param]],
        authenticator=lambda _server, _session, _envelope, _mechanism, data: AuthResult(
            success=data == LoginPassword(b"us", b"hush hush"), handled=False, auth_data=data
        ),
    )
    controller.start()
    yield relay, controller.port
    controller.stop()


async def test_a_smart_host_that_wants_a_password(
    house: House, smart_host: tuple[Relay, int], certificates: Certificates
) -> None:
    relay, port = smart_host
    house.dns.records("relay A 127.0.0.5")
    rules = DeliveryRules(house.database)
    login = {"host": "relay.test", "port": port, "tls": "verified", "username": "us"}
    made = await rules.create(rule("", password="wrong", **login))
    async with house.delivering(delivery_tls_authorities=certificates.authority, delivery_rules_seconds=0.1):
        queue_id = await house.send("bob@anywhere.test")

        async def refused() -> bool:
            return any(a.reply.startswith("535") for a in await house.attempts(queue_id))

        await eventually(refused, what="the password is refused")
        assert (await house.states(queue_id))["bob@anywhere.test"].settled_at is None  # no fault of the sender's
        await rules.replace(made.rule_id, rule("", password="hush hush", **login))
        await house.settled(queue_id)
    assert relay.taken == [(b"us", "alice@own.test", ["bob@anywhere.test"])]
    attempt = (await house.attempts(queue_id))[-1]
    assert (attempt.host, attempt.outcome) == ("relay.test", "delivered") and (attempt.tls or "").startswith("TLSv1.3")


async def test_a_relay_by_lmtp_says_of_each_recipient_what_became_of_it(house: House) -> None:
    await DeliveryRules(house.database).create(rule("dest.test", host="127.0.0.6", port=house.mail_port, protocol="lmtp"))
    async with smtp_host("127.0.0.6", house.mail_port) as host:
        host.say["LHLO"] = ["250-lmtp.test\r\n250 PIPELINING"]
        host.say["dot"] = ["250 2.0.0 stored\r\n550 5.2.1 disabled"]
        async with house.delivering():
            states = await house.settled(await house.send("bob@dest.test", "eve@dest.test"))
    assert host.commands[0] == "LHLO mx.own.test" and "EHLO" not in " ".join(host.commands)
    assert {address: state.status for address, state in states.items()} == {"bob@dest.test": "2.0.0", "eve@dest.test": "5.2.1"}


async def test_the_least_tls_holds_for_a_domain_and_no_other(house: House) -> None:
    house.dns.records("dest MX 10 mx", "other MX 10 mx", "mx A 127.0.0.3")
    await DeliveryRules(house.database).create(rule("dest.test", tls="encrypted"))
    async with smtp_host("127.0.0.3", house.mail_port) as host, house.delivering():
        await house.settled(await house.send("bob@other.test"))
        queue_id = await house.send("bob@dest.test")

        async def tried() -> bool:
            return bool(await house.attempts(queue_id))

        await eventually(tried, what="an attempt")
        (attempt, *_) = await house.attempts(queue_id)
        assert (attempt.outcome, attempt.status) == ("deferred", "4.7.5") and "STARTTLS" in attempt.reply
    assert len(host.taken) == 1


async def test_a_tenant_leaves_from_an_address_of_its_own(house: House) -> None:
    house.dns.records("dest MX 10 mx", "mx A 127.0.0.3")
    own = rule("", tenant_id=house.alice.tenant_id, source="127.0.0.77", hello="out.own.test")
    await DeliveryRules(house.database).create(own)
    async with smtp_host("127.0.0.3", house.mail_port) as host, house.delivering():
        await house.settled(await house.send("bob@dest.test"))
    assert host.commands[0] == "EHLO out.own.test"
    assert host.peers == ["127.0.0.77"]


async def test_a_rate_holds_over_all_replicas(house: House) -> None:
    """Of five messages and two replicas one may leave now; the others wait untried, and those for elsewhere do not."""
    house.dns.records("one MX 10 mx.one", "mx.one A 127.0.0.3", "two MX 10 mx.two", "mx.two A 127.0.0.5")
    await DeliveryRules(house.database).create(rule("one.test", messages_per_minute=4))
    async with (
        smtp_host("127.0.0.3", house.mail_port) as limited,
        smtp_host("127.0.0.5", house.mail_port) as free,
        house.delivering(),
        house.delivering(),
    ):
        sent = [await house.send("bob@one.test") for _ in range(5)]
        for _ in range(3):
            await house.settled(await house.send("bob@two.test"))

        async def waiting() -> bool:
            row = await house.database.fetchrow(
                "look",
                "SELECT count(*) AS n FROM queue_recipients WHERE state = 'waiting' AND due_at > now() AND domain = 'one.test'",
            )
            return row is not None and row["n"] == 4

        await eventually(waiting, what="four wait for their turn")
        assert (len(limited.taken), len(free.taken)) == (1, 3)
        assert sum([len(await house.attempts(queue_id)) for queue_id in sent]) == 1


async def test_replicas_share_the_messages_of_a_minute(house: House) -> None:
    replicas = [Rates(Limits(house.database)) for _ in range(2)]
    limited = Rule(domain="one.test", messages_per_minute=60)
    may_leave = [await replicas[n % 2].wait(limited, "one.test") == 0 for n in range(60)]
    assert 15 <= sum(may_leave) <= 25, "a quarter of them at once, and what has come back meanwhile"
    assert await replicas[0].wait(limited, "two.test") == 0, "each domain has its own"
    assert await replicas[0].wait(NO_RULE, "one.test") == 0
