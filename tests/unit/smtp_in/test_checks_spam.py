"""Scores: DNS lists against a real DNS server, a real rspamd, thresholds of domains; and what is decided by them."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.answers import feed, from_zone
from kit.dns import DnsServer
from kit.rspamd import Rspamd
from mailstead.model.address import Address
from mailstead.model.dns import Kind, Records, Trouble
from mailstead.store.engine import open_database
from mailstead.store.provisioning import Provisioning
from smtp_in.checks.dnsbl import Zone, check_list
from smtp_in.checks.findings import Action, Findings, Identity, Opinion
from smtp_in.checks.spam_filter import BadAnswer, read_answer
from smtp_in.checks.verdict import Fate, Rules, Thresholds, judge
from unit.smtp_in.conversing import Client, Serve

IDENTITY = Identity("127.0.0.1", "mx.sender.test", "al@sender.test")
LIST = Zone("bl.test", 5)
RULES = Rules(thresholds=Thresholds(5, 10))


async def send(served: Any, subject: str, *recipients: str) -> bytes:
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO mx.sender.test\r\nMAIL FROM:<al@sender.test>\r\n", 250, 250)
    for recipient in recipients or ("alice@a.test",):
        await client.ask(b"RCPT TO:<%s>\r\n" % recipient.encode(), 250)
    await client.ask(b"DATA\r\n", 354)
    await client.send(f"From: al@sender.test\r\nSubject: {subject}\r\n\r\nHi.\r\n.\r\n".encode())
    return await client.line()


async def copies(served: Any) -> set[tuple[str, str]]:
    rows = await served.query(
        """SELECT a.address, b.name FROM accounts a JOIN messages m USING (account_id)
           JOIN mailboxes b USING (account_id, mailbox_id)"""
    )
    return {(row["address"], row["name"]) for row in rows}


@pytest.mark.parametrize(
    ("client", "name", "answer", "listed"),
    [
        ("127.0.0.2", "2.0.0.127.bl.test", Records(("127.0.0.2",)), True),  # RFC 5782 §5: the test address
        ("127.0.0.1", "2.0.0.127.bl.test", Records(("127.0.0.2",)), False),
        ("192.0.2.99", "99.2.0.192.bl.test", Records(("127.0.0.10", "127.0.0.4")), True),
        ("192.0.2.99", "99.2.0.192.bl.test", Records(("198.51.100.1",)), False),  # a parked domain lists nobody
        ("192.0.2.99", "99.2.0.192.bl.test", Records(("127.255.255.254",)), False),  # asked through an open resolver
        ("192.0.2.99", "99.2.0.192.bl.test", Trouble("away"), False),
        (
            "2001:db8:1:2:3:4:567:89ab",
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test",
            Records(("127.0.0.2",)),
            True,
        ),
    ],
)
def test_lists(client: str, name: str, answer: Records | Trouble, listed: bool) -> None:
    assert feed(check_list(client, LIST), from_zone({(name, Kind.A): answer})) is listed


def test_lists_as_they_are_configured() -> None:
    assert Zone.parse("zen.example.org", 5) == Zone("zen.example.org", 5)
    assert Zone.parse(" BL.example = 2.5", 5) == Zone("bl.example", 2.5)
    for bad in ("", "nodots", "a.test=much"):
        with pytest.raises(ValueError):
            Zone.parse(bad, 5)


@pytest.mark.parametrize(
    ("action", "score", "own", "fate"),
    [
        # without a spam filter, lists and the rules of the service count
        (None, 0, Thresholds(), Fate.KEEP),
        (None, 5, Thresholds(), Fate.JUNK),
        (None, 10, Thresholds(), Fate.REFUSE),
        (None, 5, Thresholds(junk=7), Fate.KEEP),
        (None, 5, Thresholds(reject=5), Fate.REFUSE),
        # with one, its wish counts, except where a domain has thresholds of its own
        (Action.NONE, 20, Thresholds(), Fate.KEEP),
        (Action.GREYLIST, 4, Thresholds(), Fate.KEEP),
        (Action.ADD_HEADER, 6, Thresholds(), Fate.JUNK),
        (Action.REWRITE_SUBJECT, 6, Thresholds(), Fate.JUNK),
        (Action.SOFT_REJECT, 6, Thresholds(), Fate.DEFER),
        (Action.REJECT, 16, Thresholds(), Fate.REFUSE),
        (Action.REJECT, 16, Thresholds(reject=20), Fate.JUNK),
        (Action.REJECT, 16, Thresholds(junk=18, reject=20), Fate.KEEP),
        (Action.NONE, 3, Thresholds(junk=2), Fate.JUNK),
        (Action.ADD_HEADER, 6, Thresholds(junk=8), Fate.KEEP),
    ],
)
def test_what_scores_come_to(action: Action | None, score: float, own: Thresholds, fate: Fate) -> None:
    opinion = None if action is None else Opinion(action, score)
    listed = (Zone("bl.test", score),) if score and action is None else ()
    verdict = judge(Findings(IDENTITY, listed=listed, opinion=opinion), RULES, own)
    assert verdict.fate is fate
    assert (verdict.reply is None) == (fate in (Fate.KEEP, Fate.JUNK))


def test_an_answer_of_rspamd_is_read_with_care() -> None:
    answer = b'{"action":"add header","score":7.5,"milter":{"add_headers":{"X-One":"a\\r\\nEvil: b","Subject":"c",'
    answer += b'"X-Two":{"value":"d","order":0},"X-Three":[{"value":"e"},"f"],"X-Four":7}}}'
    opinion = read_answer(answer)
    assert opinion.headers == (("X-One", "a Evil: b"), ("X-Two", "d"), ("X-Three", "e"), ("X-Three", "f"))
    for bad in (b"", b"[]", b"{}", b'{"action":"dance","score":1}', b'{"action":"reject","score":"x"}', b"[" * 100_000):
        with pytest.raises(BadAnswer):
            read_answer(bad)


@given(st.binary(max_size=100) | st.text(alphabet='{}[]":,actionscore1', max_size=60).map(str.encode))
def test_no_answer_breaks_the_reader(octets: bytes) -> None:
    with suppress(BadAnswer):
        read_answer(octets)


async def test_who_is_on_a_list_goes_to_junk(serve: Serve, dns_server: DnsServer) -> None:
    dns_server.records("1.0.0.127.bl A 127.0.0.2")
    dns = {"dns_servers": dns_server.host, "dns_port": dns_server.port, "smtp_trusted_networks": ""}
    served = await serve(smtp_dnsbl="bl.test, other.test=3", **dns)
    assert (await send(served, "one")).startswith(b"250")
    assert await copies(served) == {("alice@a.test", "Junk")}
    (prefix,) = [row["prefix"] for row in await served.query("SELECT prefix FROM emails")]
    assert b"X-Spam-Flag: YES\r\nX-Spam-Score: 5.00\r\nX-Spam-Listed: bl.test\r\n" in prefix


async def test_who_is_on_two_lists_is_refused(serve: Serve, dns_server: DnsServer) -> None:
    dns_server.records("1.0.0.127.bl A 127.0.0.2", "1.0.0.127.worse A 127.0.0.3")
    dns = {"dns_servers": dns_server.host, "dns_port": dns_server.port, "smtp_trusted_networks": ""}
    served = await serve(smtp_dnsbl="bl.test=4,worse.test=4", smtp_reject_score=8, **dns)
    assert await send(served, "two") == b"550 5.7.1 Refused as spam\r\n"


async def test_rspamd(serve: Serve, dns_server: DnsServer, rspamd: Rspamd) -> None:
    served = await serve(
        smtp_trusted_networks="", dns_servers=dns_server.host, dns_port=dns_server.port, smtp_rspamd_url=rspamd.url
    )
    assert (await send(served, "hello")).startswith(b"250")
    assert await copies(served) == {("alice@a.test", "INBOX")}
    (message,) = await served.inbox("alice")
    assert b"X-Spam-Score: 0.00\r\nX-Spam-Action: no action\r\nX-Told: 127.0.0.1 mx.sender.test al@sender.test\r\n" in message
    assert message.count(b"Subject:") == 1
    assert (await send(served, "cheap viagra", "bob@a.test")).startswith(b"250")
    assert ("bob@a.test", "Junk") in await copies(served)
    assert await send(served, "replica watches") == b"550 5.7.1 Refused as spam\r\n"


async def test_domains_have_thresholds_of_their_own(serve: Serve, dns_server: DnsServer, rspamd: Rspamd) -> None:
    """One recipient's domain would refuse it, the other takes it: then it is junk for the first."""
    served = await serve(
        smtp_trusted_networks="", dns_servers=dns_server.host, dns_port=dns_server.port, smtp_rspamd_url=rspamd.url
    )
    async with open_database(served.urls.api, pool_size=1) as database:
        provisioning = Provisioning(database)
        await provisioning.update_domain("a.test", settings={"junk_score": 25, "reject_score": 30})
        await provisioning.create_domain("strict.test")
        row = await provisioning.update_domain("strict.test", settings={"reject_score": 7})
        assert (row.junk_score, row.reject_score) == (None, 7)
        account = await provisioning.create_account(Address("s", "strict.test"), "!", 0)
        renamed = "UPDATE mailboxes SET name = 'Unwanted' WHERE account_id = $1 AND special_use = '\\Junk' RETURNING name"
        assert await served.query(renamed, account.account_id)
    assert (await send(served, "replica viagra")).startswith(b"250")
    assert await copies(served) == {("alice@a.test", "Junk")}  # 28: between its thresholds
    assert await send(served, "viagra", "s@strict.test") == b"550 5.7.1 Refused as spam\r\n"
    assert (await send(served, "viagra", "s@strict.test", "bob@a.test")).startswith(b"250")
    assert {("s@strict.test", "Unwanted"), ("bob@a.test", "INBOX")} <= await copies(served)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "dns"])
async def test_without_rspamd_mail_goes_on(serve: Serve, dns_server: DnsServer, url: str) -> None:
    """It is away, or something else listens there."""
    served = await serve(
        smtp_trusted_networks="",
        dns_servers=dns_server.host,
        dns_port=dns_server.port,
        smtp_rspamd_url=f"http://127.0.0.1:{dns_server.port}" if url == "dns" else url,
        smtp_rspamd_seconds=0.5,
    )
    assert (await send(served, "viagra")).startswith(b"250")
    assert await copies(served) == {("alice@a.test", "INBOX")}
