"""The service as a process of its own: SIGTERM and SIGKILL in the middle of a message, and a certificate that is renewed."""

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kit.certificates import NAMES, TestAuthority, make_authority
from kit.ports import free_port
from kit.waiting import eventually
from unit.smtp_in.conversing import ENVELOPE, Client, Serve

CONTENT = b"Subject: half\r\n\r\nfirst line\r\n"


@asynccontextmanager
async def process(served: Any, authority: TestAuthority, mx: int, submissions: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m smtp_in` over the database of `served`, once it listens."""
    environment = {
        **os.environ,
        "MAILSTEAD_DATABASE_URL": served.urls.smtp_in,
        "MAILSTEAD_HOSTNAME": "mx.a.test",
        "MAILSTEAD_OBSERVE_PORT": "0",
        "MAILSTEAD_SMTP_PORT": str(mx),
        "MAILSTEAD_SUBMISSION_PORT": "0",
        "MAILSTEAD_LMTP_PORT": "0",
        "MAILSTEAD_SUBMISSION_TLS_PORT": str(submissions),
        "MAILSTEAD_MANAGESIEVE_PORT": "0",
        "MAILSTEAD_TLS_CERTIFICATE": str(authority.certificate),
        "MAILSTEAD_TLS_KEY": str(authority.key),
        "MAILSTEAD_DRAIN_SECONDS": "20",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "smtp_in", env=environment, stdout=asyncio.subprocess.DEVNULL
    )

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", submissions)
        except ConnectionError:
            return False
        writer.close()
        return True

    try:
        await eventually(listens, 30)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


async def test_sigterm_lets_a_message_end(serve: Serve, authority: TestAuthority) -> None:
    """No new connection, but the message under way is taken to its end; then the process leaves, well."""
    served, mx = await serve(), free_port()
    async with process(served, authority, mx, free_port()) as child:
        client = await Client.connect(mx)
        await client.ask(ENVELOPE, 250, 250, 250, 354)
        await client.send(CONTENT)
        child.send_signal(signal.SIGTERM)

        async def refuses() -> bool:
            return not await accepts(mx)

        await eventually(refuses)
        await client.ask(b"second line\r\n.\r\n", 250, 421)
        assert await client.reply() == b""
        async with asyncio.timeout(15):
            assert await child.wait() == 0
    [message] = await served.inbox("alice")
    assert message.endswith(b"first line\r\nsecond line\r\n")


async def test_sigkill_before_the_final_dot_leaves_nothing(serve: Serve, authority: TestAuthority) -> None:
    served, mx = await serve(), free_port()
    async with process(served, authority, mx, free_port()) as child:
        unfinished, finished = await Client.connect(mx), await Client.connect(mx)
        await unfinished.ask(ENVELOPE, 250, 250, 250, 354)
        await unfinished.send(CONTENT)
        await finished.ask(ENVELOPE + CONTENT + b".\r\n", 250, 250, 250, 354, 250)
        child.send_signal(signal.SIGKILL)
        await child.wait()
    assert len(await served.inbox("alice")) == 1


async def test_a_process_finds_its_renewed_certificate_by_itself(serve: Serve, tmp_path: Path) -> None:
    served, authority, port = await serve(), await asyncio.to_thread(make_authority, tmp_path), free_port()

    async def shown() -> bytes:
        context = authority.client_context()
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        session: ssl.SSLObject = writer.get_extra_info("ssl_object")
        certificate = session.getpeercert(binary_form=True)
        writer.close()
        assert certificate is not None
        return certificate

    async with process(served, authority, free_port(), port):
        first = await shown()
        await asyncio.to_thread(authority.files.issue, NAMES)

        async def renewed() -> bool:
            return await shown() != first

        await eventually(renewed, 20)
