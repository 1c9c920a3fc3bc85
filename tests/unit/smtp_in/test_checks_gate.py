"""Messages from strangers, checked by a running service against a real DNS server, signed by dkimpy."""

import base64
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kit.dns import DnsServer
from unit.smtp_in.conversing import Client, Serve

BODY = b"From: Al <al@sender.test>\r\nTo: alice@a.test\r\nSubject: hello\r\n\r\nHi.\r\n"


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def key_record(key: RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b64encode(der).decode()
    return f'sel._domainkey.sender TXT "v=DKIM1; p={text[:200]}" "{text[200:]}"'


def signed(key: RSAPrivateKey, body: bytes = BODY) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return bytes(dkim.sign(body, b"sel", b"sender.test", pem)) + body


async def checking(serve: Serve, dns_server: DnsServer, **changed: object) -> Any:
    return await serve(smtp_trusted_networks="", dns_servers=dns_server.host, dns_port=dns_server.port, **changed)


async def send(served: Any, message: bytes, *, sender: str = "al@sender.test", to: str = "alice@a.test") -> bytes:
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO mx.sender.test\r\nMAIL FROM:<%s>\r\n" % sender.encode(), 250, 250)
    await client.ask(b"RCPT TO:<%s>\r\nDATA\r\n" % to.encode(), 250, 354)
    await client.send(message + b".\r\n")
    return await client.line()


async def folder(served: Any, user: str = "alice") -> list[str]:
    rows = await served.query(
        """SELECT b.name FROM accounts a JOIN messages m USING (account_id) JOIN mailboxes b USING (account_id, mailbox_id)
           WHERE a.address = $1 ORDER BY m.email_id""",
        f"{user}@a.test",
    )
    return [row["name"] for row in rows]


async def test_what_is_signed_and_sent_from_where_it_should_be_passes(
    serve: Serve, dns_server: DnsServer, key: RSAPrivateKey
) -> None:
    dns_server.records(
        key_record(key),
        'sender TXT "v=spf1 ip4:127.0.0.0/8 -all"',
        '_dmarc.sender TXT "v=DMARC1; p=reject"',
        "sender A 127.0.0.1",
    )
    served = await checking(serve, dns_server)
    forged = b"Authentication-Results: mx.a.test; dmarc=pass header.from=bank.test\r\n"
    assert (await send(served, forged + signed(key))).startswith(b"250")
    (message,) = await served.inbox("alice")
    assert b"bank.test" not in message
    header = message.partition(b"\r\n\r\n")[0]
    assert header.startswith(b"Return-Path: <al@sender.test>\r\nAuthentication-Results: mx.a.test;\r\n")
    assert b"\tspf=pass smtp.mailfrom=al@sender.test;\r\n" in header
    assert b"\tdkim=pass header.d=sender.test header.s=sel header.a=rsa-sha256 header.b=" in header
    assert b"\tdmarc=pass policy.dmarc=reject header.from=sender.test\r\n" in header
    samples = {
        (s.labels["check"], s.labels["outcome"])
        for metric in served.runtime.registry.collect()
        for s in metric.samples
        if s.name == "mailstead_smtp_checks_total"
    }
    assert {("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass")} <= samples


async def test_a_large_message_is_verified_too(serve: Serve, dns_server: DnsServer, key: RSAPrivateKey) -> None:
    dns_server.records(key_record(key))
    served = await checking(serve, dns_server)
    large = BODY + b"twelve octets of text and more\r\n" * 100_000
    assert (await send(served, signed(key, large))).startswith(b"250")
    (message,) = await served.inbox("alice")
    assert b"dkim=pass" in message[:1000]


@pytest.mark.parametrize(
    ("policy", "rule", "reply", "folders"),
    [
        ("none", "reject", b"250", ["INBOX"]),
        ("quarantine", "reject", b"250", ["Junk"]),
        ("reject", "junk", b"250", ["Junk"]),
        ("reject", "none", b"250", ["INBOX"]),
        ("reject", "reject", b"550 5.7.1 Rejected by the DMARC policy of sender.test\r\n", []),
    ],
)
async def test_what_fails_dmarc(
    serve: Serve, dns_server: DnsServer, policy: str, rule: str, reply: bytes, folders: list[str]
) -> None:
    dns_server.records('sender TXT "v=spf1 -all"', f'_dmarc.sender TXT "v=DMARC1; p={policy}"')
    served = await checking(serve, dns_server, smtp_dmarc=rule)
    assert (await send(served, BODY)).startswith(reply)
    assert await folder(served) == folders
    assert served.budget.held == 0


async def test_an_account_without_junk_has_it_in_inbox(serve: Serve, dns_server: DnsServer) -> None:
    dns_server.records('_dmarc.sender TXT "v=DMARC1; p=reject"')
    served = await checking(serve, dns_server)
    await served.query("DELETE FROM mailboxes WHERE name = 'Junk'")
    assert (await send(served, BODY)).startswith(b"250")
    (message,) = await served.inbox("alice")
    assert b"X-Spam-Flag: YES\r\n" in message and b"dmarc=fail policy.dmarc=reject" in message


async def test_without_dns_mail_goes_on(serve: Serve, dns_server: DnsServer, key: RSAPrivateKey) -> None:
    """Promise D5: our failure is never the sender's."""
    served = await serve(
        smtp_trusted_networks="",
        dns_servers=dns_server.host,
        dns_port=1,
        dns_seconds=0.5,
        smtp_check_seconds=0.3,
        smtp_dmarc="reject",
    )
    assert (await send(served, signed(key))).startswith(b"250")
    (message,) = await served.inbox("alice")
    assert b"spf=temperror" in message and b"dkim=temperror" in message and b"dmarc=temperror" in message


async def test_broken_zones_fail_nobody(serve: Serve, dns_server: DnsServer) -> None:
    served = await checking(serve, dns_server, smtp_dmarc="reject")
    message = BODY.replace(b"sender.test", b"sender.broken")
    assert (await send(served, message, sender="al@sender.broken")).startswith(b"250")
    (kept,) = await served.inbox("alice")
    assert b"spf=temperror" in kept and b"dmarc=temperror" in kept


async def test_trusted_networks_and_our_own_users_are_not_checked(serve: Serve, dns_server: DnsServer) -> None:
    dns_server.records('_dmarc.sender TXT "v=DMARC1; p=reject"')
    served = await serve(dns_servers=dns_server.host, dns_port=dns_server.port, smtp_dmarc="reject")
    assert (await send(served, BODY)).startswith(b"250")
    (message,) = await served.inbox("alice")
    assert b"Authentication-Results" not in message
