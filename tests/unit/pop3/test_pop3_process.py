"""The service as a process of its own: curl as its client, SIGKILL in TRANSACTION and in UPDATE, SIGTERM."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kit.certificates import TestAuthority
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from unit.pop3.serving import MESSAGES, Account, StartReplica


@asynccontextmanager
async def process(urls: DatabaseUrls, authority: TestAuthority, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m pop3`, once it listens."""
    environment = {
        **os.environ,
        "MAILSTEAD_DATABASE_URL": urls.pop3,
        "MAILSTEAD_HOSTNAME": "mail.test",
        "MAILSTEAD_OBSERVE_PORT": "0",
        "MAILSTEAD_POP3_PORT": str(port),
        "MAILSTEAD_POP3_TLS_PORT": "0",
        "MAILSTEAD_POP3_LEASE_SECONDS": "1",
        "MAILSTEAD_TLS_CERTIFICATE": str(authority.certificate),
        "MAILSTEAD_TLS_KEY": str(authority.key),
        "MAILSTEAD_PLAINTEXT_AUTH_NETWORKS": "127.0.0.0/8",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "pop3", env=environment, stdout=asyncio.subprocess.DEVNULL
    )

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return False
        writer.close()
        return True

    try:
        await eventually(listens, 20)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def log_in(port: int, account: Account) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(f"AUTH PLAIN {account.variables()['plain']}\r\n".encode())
    return (await reader.readline()).decode(), reader, writer


async def test_a_killed_replica_deletes_nothing_and_lets_go_of_the_maildrop(
    alice: Account, database_urls: DatabaseUrls, authority: TestAuthority, replica: StartReplica
) -> None:
    await alice.fill(MESSAGES)
    port = free_port()
    async with process(database_urls, authority, port) as child, replica() as other:
        answer, reader, writer = await log_in(port, alice)
        assert answer.startswith("+OK")
        writer.write(b"DELE 1\r\nDELE 2\r\n")
        assert (await reader.readline()).startswith(b"+OK")
        assert (await reader.readline()).startswith(b"+OK")
        child.send_signal(signal.SIGKILL)
        await child.wait()
        writer.close()

        async def let_in() -> bool:
            answer, _, writer = await log_in(other.port, alice)
            writer.close()
            assert answer.startswith(("+OK maildrop has 3 ", "-ERR [IN-USE]"))
            return answer.startswith("+OK")

        await eventually(let_in, 5)
    assert len(await alice.uids()) == 3


_WAIT_IN_UPDATE = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$;
CREATE TRIGGER wait AFTER INSERT ON expunged FOR EACH STATEMENT EXECUTE FUNCTION wait()
"""


async def test_a_replica_killed_in_the_middle_of_update_deletes_nothing(
    alice: Account, database_urls: DatabaseUrls, authority: TestAuthority, replica: StartReplica
) -> None:
    """Its rows are marked as deleted already, and the commit never comes."""
    await alice.fill(MESSAGES)
    await alice.owner.execute("hold up", _WAIT_IN_UPDATE)
    port = free_port()
    async with process(database_urls, authority, port) as child:
        async with alice.owner.transaction("hold") as holder:
            await holder.execute("SELECT pg_advisory_xact_lock(7)")
            _, reader, writer = await log_in(port, alice)
            writer.write(b"DELE 1\r\nDELE 2\r\n")
            assert (await reader.readline()).startswith(b"+OK")
            assert (await reader.readline()).startswith(b"+OK")
            writer.write(b"QUIT\r\n")

            async def is_in_update() -> bool:
                found = await alice.owner.fetch("look", "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                return bool(found)

            await eventually(is_in_update)
            child.send_signal(signal.SIGKILL)
            await child.wait()
        assert await reader.read() == b""  # QUIT was never answered
        writer.close()
    async with replica() as other:

        async def let_in() -> bool:
            answer, _, writer = await log_in(other.port, alice)
            writer.close()
            return answer.startswith("+OK maildrop has 3 ")

        await eventually(let_in, 5)
    assert len(await alice.uids()) == 3


async def test_sigterm_ends_it_well(alice: Account, database_urls: DatabaseUrls, authority: TestAuthority) -> None:
    async with process(database_urls, authority, free_port()) as child:
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await child.wait() == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(alice: Account, database_urls: DatabaseUrls, authority: TestAuthority, replica: StartReplica) -> None:
    await alice.fill(MESSAGES)

    async def curl(url: str, *options: str) -> bytes:
        child = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--max-time", "20", "--cacert", str(authority.ca_file), "--noproxy", "*",
            "-u", f"{alice.address}:{alice.password}", *options, url, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await child.communicate()
        assert child.returncode == 0
        return out

    async with replica() as server:
        assert await curl(f"pop3://localhost:{server.port}/2", "--ssl-reqd") == MESSAGES[1]
        assert await curl(f"pop3s://localhost:{server.tls_port}/1") == MESSAGES[0]
        listing = await curl(f"pop3s://localhost:{server.tls_port}/")
        assert listing.splitlines() == [b"%d %d" % entry for entry in enumerate(map(len, MESSAGES), 1)]
        await curl(f"pop3s://localhost:{server.tls_port}/2", "-X", "DELE", "-I")
    assert len(await alice.uids()) == 2
