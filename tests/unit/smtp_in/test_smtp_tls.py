"""Certificates and passwords over the running service: TLS from the start, STARTTLS, renewal while it serves."""

import asyncio
import smtplib
import ssl
from pathlib import Path

import pytest

from kit.certificates import NAMES, TestAuthority, make_authority
from unit.smtp_in.conversing import Serve

PASSWORD = "correct horse"


def logged_in(port: int, authority: TestAuthority, *, implicit: bool, password: str = PASSWORD) -> smtplib.SMTP:
    """As a mail program does it: the certificate is verified, for `localhost`."""
    context = authority.client_context()
    if implicit:
        client: smtplib.SMTP = smtplib.SMTP_SSL("localhost", port, context=context, timeout=20)
    else:
        client = smtplib.SMTP("localhost", port, timeout=20)
        client.starttls(context=context)
    try:
        client.login("alice@a.test", password)
    except smtplib.SMTPException:
        client.close()
        raise
    return client


def certificate_of(client: smtplib.SMTP) -> bytes:
    assert isinstance(client.sock, ssl.SSLSocket)
    shown = client.sock.getpeercert(binary_form=True)
    assert shown is not None
    return shown


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
async def test_a_renewed_certificate_is_shown_while_the_service_runs(serve: Serve, tmp_path: Path, implicit: bool) -> None:
    """New connections get it; one that is open goes on, and submits, under the one before."""
    authority = await asyncio.to_thread(make_authority, tmp_path)
    served = await serve(tls_certificate=authority.certificate, tls_key=authority.key)
    port = served.submissions if implicit else served.submission
    before = await asyncio.to_thread(logged_in, port, authority, implicit=implicit)
    await asyncio.to_thread(authority.files.issue, NAMES)
    assert await served.runtime.tls.refresh() == "loaded"
    after = await asyncio.to_thread(logged_in, port, authority, implicit=implicit)
    assert certificate_of(before) != certificate_of(after)

    def submit() -> None:
        for client in (before, after):
            assert client.sendmail("alice@a.test", ["bob@a.test"], "Subject: x\r\n\r\nbody\r\n") == {}
            client.quit()

    await asyncio.to_thread(submit)
    assert len(await served.inbox("bob")) == 2
    assert all(b"with ESMTPSA" in message for message in await served.inbox("bob"))


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
async def test_a_wrong_password(serve: Serve, authority: TestAuthority, implicit: bool) -> None:
    served = await serve()
    port = served.submissions if implicit else served.submission
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        await asyncio.to_thread(logged_in, port, authority, implicit=implicit, password="wrong")
    assert (refused.value.smtp_code, refused.value.smtp_error) == (535, b"5.7.8 Credentials not valid")


@pytest.mark.parametrize(
    ("networks", "taken"), [("", False), ("10.0.0.0/8,::1/128", False), ("127.0.0.1/32", True), ("10.0.0.0/8,127.0.0.0/8", True)]
)
async def test_a_password_in_the_clear(serve: Serve, variables: dict[str, str], networks: str, taken: bool) -> None:
    """Only from where MAILSTEAD_PLAINTEXT_AUTH_NETWORKS says, and only there it is offered; never at the exchanger."""
    served = await serve(plaintext_auth_networks=networks)

    def log_in(port: int) -> tuple[bool, int]:
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
            client.ehlo("client.test")
            return client.has_extn("auth"), client.docmd("AUTH", f"PLAIN {variables['plain']}")[0]

    assert await asyncio.to_thread(log_in, served.submission) == (taken, 235 if taken else 538)
    assert await asyncio.to_thread(log_in, served.mx) == (False, 502)


async def test_a_client_that_trusts_somebody_else(serve: Serve, tmp_path: Path) -> None:
    """It hangs up in the handshake; the service goes on."""
    served = await serve()
    stranger = await asyncio.to_thread(make_authority, tmp_path)
    for implicit in (False, True):
        port = served.submissions if implicit else served.submission
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(logged_in, port, stranger, implicit=implicit)
    assert served.listeners["mx"].connections == 0
