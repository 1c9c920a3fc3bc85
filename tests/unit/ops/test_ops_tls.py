"""Certificates that change under a running service."""

import asyncio
import ssl
from pathlib import Path

from kit.certificates import NAMES, TestAuthority, make_authority
from kit.service import listening, settings_for
from mailstead.ops.connection import Connection
from mailstead.ops.tls import TlsFiles


async def echo(connection: Connection) -> None:
    while data := await connection.read():
        await connection.write(data)


async def shown(authority: TestAuthority, port: int) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority.client_context(), server_hostname="localhost")
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return certificate, reader, writer


async def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(make_authority, tmp_path)
    async with listening(echo, settings_for(authority), implicit_tls=True) as (listener, runtime):
        assert runtime.tls is not None
        first, reader, writer = await shown(authority, listener.port)
        assert await runtime.tls.refresh() == "unchanged"

        await asyncio.to_thread(authority.files.issue, NAMES)
        assert await runtime.tls.refresh() == "loaded"
        second, _, later = await shown(authority, listener.port)
        assert second != first

        writer.write(b"still here")  # the connection that was open goes on
        assert await reader.readexactly(10) == b"still here"
        writer.close()
        later.close()


async def test_a_broken_pair_leaves_the_one_in_use(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(make_authority, tmp_path)
    files = TlsFiles(authority.certificate, authority.key)
    before = files.context
    good = authority.key.read_bytes()

    for broken in (b"no key at all", b""):
        authority.key.write_bytes(broken)
        assert await files.refresh() == "broken"
        assert await files.refresh() == "unchanged"  # told once
    authority.key.unlink()
    assert await files.refresh() == "broken"
    assert files.context is before

    authority.key.write_bytes(good)
    assert await files.refresh() == "loaded"
    assert files.context is not before


async def test_a_key_that_belongs_to_another_certificate(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(make_authority, tmp_path)
    files = TlsFiles(authority.certificate, authority.key)
    before = files.context
    certificate = authority.certificate.read_bytes()
    await asyncio.to_thread(authority.files.issue, NAMES)
    authority.certificate.write_bytes(certificate)  # half a renewal: the new key with the old certificate
    assert await files.refresh() == "broken"
    assert files.context is before


def test_what_is_offered(authority: TestAuthority) -> None:
    context = TlsFiles(authority.certificate, authority.key).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
