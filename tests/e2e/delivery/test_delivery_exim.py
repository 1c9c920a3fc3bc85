"""Mail to Exim, which has nothing in common with Postfix: accepted, deferred then accepted, refused; verified TLS."""

from email.message import Message

from kit.certificates import TestAuthority
from kit.delivering import MESSAGE, PREFIX, House
from kit.exim import Exim
from kit.waiting import eventually
from mailstead.store.delivery_rules import DeliveryRules, SecretRule

EXIM = ("exim MX 10 mx.exim", "mx.exim A 127.0.0.9")


async def test_exim_takes_one_and_refuses_another(house: House, exim: Exim) -> None:
    house.dns.records(*EXIM)
    async with house.delivering():
        queue_id = await house.send("ok@exim.test", "nobody@exim.test")
        states = await house.settled(queue_id)
    assert {r.address: r.state for r in states.values()} == {"ok@exim.test": "delivered", "nobody@exim.test": "failed"}
    attempts = await house.attempts(queue_id)
    assert {a.host for a in attempts} == {"mx.exim.test"} and all((a.tls or "").startswith("TLSv1.") for a in attempts)
    await eventually(lambda: len(exim.messages()) == 1)
    assert (PREFIX + MESSAGE).replace(b"\r\n", b"\n") in exim.messages()[0]
    parts = (await house.report()).get_payload()
    assert isinstance(parts, list) and isinstance(parts[1], Message)
    failed = parts[1].get_payload(1)
    assert isinstance(failed, Message)
    assert (failed["Final-Recipient"], failed["Action"], failed["Status"]) == ("rfc822; nobody@exim.test", "failed", "5.1.1")
    assert failed["Diagnostic-Code"].startswith("smtp; 550 5.1.1 Nobody of that name")


async def test_exim_defers_then_takes(house: House, exim: Exim) -> None:
    house.dns.records(*EXIM)
    async with house.delivering():
        queue_id = await house.send("later@exim.test")

        async def deferred() -> bool:
            return any(a.outcome == "deferred" and a.status == "4.7.1" for a in await house.attempts(queue_id))

        await eventually(deferred)
        exim.forgive()
        (state,) = (await house.settled(queue_id)).values()
    assert state.state == "delivered"
    await eventually(lambda: len(exim.messages()) == 1)


async def test_a_certificate_for_another_name_gets_nothing_where_a_rule_wants_it_verified(
    house: House, exim: Exim, authority: TestAuthority
) -> None:
    house.dns.records(*EXIM)
    fields = dict.fromkeys(("tenant_id", "host", "port", "username", "password", "source", "hello"))
    await DeliveryRules(house.database).create(SecretRule(domain="exim.test", protocol="smtp", tls="verified", **fields))
    async with house.delivering(delivery_tls_authorities=authority.certificate):
        queue_id = await house.send("ok@exim.test")

        async def deferred() -> bool:
            return any(a.status == "4.7.5" and "certificate" in a.reply for a in await house.attempts(queue_id))

        await eventually(deferred)
    assert exim.messages() == []
