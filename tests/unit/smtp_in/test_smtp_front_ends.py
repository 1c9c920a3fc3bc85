"""Behind load balancers and front ends: the client's own address is what is seen, and nobody else may say it."""

import asyncio
import ssl
from typing import Any

import pytest

from kit.certificates import TestAuthority
from unit.smtp_in.conversing import Serve

HEADER = b"PROXY TCP4 198.51.100.7 127.0.0.1 40000 25\r\n"
MESSAGE = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@a.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n"


async def converse(port: int, octets: bytes, context: ssl.SSLContext | None = None, header: bytes = b"") -> bytes:
    """Everything that is said to `octets`; with `context`, TLS begins right behind the header."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(20):
        try:
            writer.write(header)
            if context:
                await writer.start_tls(context, server_hostname="localhost")
            writer.write(octets)
            writer.write_eof() if not context else None
            return await reader.read()
        except (ConnectionError, ssl.SSLError):
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize("pieces", [1, 3])
async def test_the_address_of_the_client_is_in_the_trace(serve: Serve, pieces: int) -> None:
    served = await serve(proxy_networks="127.0.0.0/8")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.listeners["mx"].proxied_port)
    stream = HEADER + b"EHLO c.test\r\n" + MESSAGE
    step = len(stream) // pieces + 1
    for at in range(0, len(stream), step):
        writer.write(stream[at : at + step])
        await writer.drain()
        await asyncio.sleep(0.01)
    async with asyncio.timeout(20):
        assert b"221 2.0.0 Bye" in await reader.read()
    writer.close()
    [message] = await served.inbox("alice")
    assert b"Received: from c.test ([198.51.100.7])" in message


async def test_tls_begins_behind_the_header(serve: Serve, authority: TestAuthority) -> None:
    served = await serve(proxy_networks="127.0.0.0/8")
    port = served.listeners["submissions"].proxied_port
    said = await converse(port, b"QUIT\r\n", authority.client_context(), HEADER)
    assert said == b"220 mx.a.test ESMTP Mailstead\r\n221 2.0.0 Bye\r\n"


async def test_the_port_itself_takes_the_header_for_a_wrong_command(serve: Serve) -> None:
    served = await serve(proxy_networks="127.0.0.0/8")
    said = await converse(served.mx, HEADER + b"QUIT\r\n")
    assert said.splitlines()[1] == b"500 5.5.2 Command not recognized"


@pytest.mark.parametrize(
    ("networks", "header"), [("192.0.2.0/24", HEADER), ("127.0.0.0/8", b"EHLO c.test\r\n"), ("127.0.0.0/8", b"PROX")]
)
async def test_who_is_no_load_balancer_of_ours_is_not_heard(serve: Serve, networks: str, header: bytes) -> None:
    served = await serve(proxy_networks=networks)
    assert await converse(served.listeners["mx"].proxied_port, header) == b""
    assert served.listeners["mx"].connections == 0


async def test_without_load_balancers_there_is_no_twin(serve: Serve) -> None:
    assert (await serve()).listeners["mx"].proxied_port == 0


async def test_rules_look_at_the_client_and_not_at_the_load_balancer(serve: Serve) -> None:
    """Passwords in the clear, LMTP and XCLIENT are for networks that are trusted: a client behind the balancer is not in them."""
    served = await serve(proxy_networks="127.0.0.0/8", plaintext_auth_networks="127.0.0.0/8", smtp_xclient_networks="127.0.0.0/8")
    said = await converse(served.listeners["submission"].proxied_port, HEADER + b"EHLO c.test\r\nQUIT\r\n")
    assert b"AUTH" not in said and b"XCLIENT" not in said
    said = await converse(served.submission, b"EHLO c.test\r\nQUIT\r\n")
    assert b"AUTH" in said and b"XCLIENT" in said
    said = await converse(served.listeners["lmtp"].proxied_port, HEADER + b"QUIT\r\n")
    assert said == b"554 No service for this address\r\n"


async def test_xclient_is_seen_in_the_trace(serve: Serve) -> None:
    served: Any = await serve(smtp_xclient_networks="127.0.0.0/8")
    said = await converse(served.mx, b"EHLO front.test\r\nXCLIENT ADDR=IPV6:2001:db8::7\r\nEHLO c.test\r\n" + MESSAGE)
    assert b"221 2.0.0 Bye" in said
    [message] = await served.inbox("alice")
    assert b"Received: from c.test ([IPv6:2001:db8::7])" in message
