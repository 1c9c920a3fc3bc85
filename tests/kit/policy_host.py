"""A host that serves one document over HTTPS: `mta-sts.DOMAIN`.

async with policy_host("127.0.0.4", tls) as host:
    host.body = b"version: STSv1\\r\\n..."
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from kit.ports import free_port


@dataclass
class PolicyHost:
    """Change its fields at any time; `asked` are the Host headers of all requests."""

    port: int
    body: bytes = b""
    status: str = "200 OK"
    content_type: str = "text/plain"
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            assert request.startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
            self.asked += [line[6:] for line in request.split("\r\n") if line.lower().startswith("host: ")]
            head = f"HTTP/1.1 {self.status}\r\nContent-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
            writer.write(f"{head}Location: https://elsewhere.test/\r\nConnection: close\r\n\r\n".encode() + self.body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def policy_host(address: str, tls: ssl.SSLContext) -> AsyncIterator[PolicyHost]:
    """Listens while entered, on a free port."""
    host = PolicyHost(free_port())
    server = await asyncio.start_server(host.serve, address, host.port, ssl=tls)
    async with server:
        yield host
