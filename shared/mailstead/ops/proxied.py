"""Reading the PROXY header off an accepted socket, and not one octet more: TLS may begin right behind it."""

import asyncio
import socket

from mailstead.wire.proxy_header import MAX_REST, ProxyHeader

HEADER_SECONDS = 10.0  # load balancers send it at once


async def read_source(accepted: socket.socket) -> tuple[str, int] | None:
    """The client's address and port, None where the load balancer speaks for itself.

    Raises BadProxyHeader; TimeoutError where the header takes too long; ConnectionError where the peer goes.
    """
    header = ProxyHeader()
    async with asyncio.timeout(HEADER_SECONDS):
        while not header.is_complete:
            await _readable(accepted)
            try:
                waiting = accepted.recv(MAX_REST, socket.MSG_PEEK)
            except BlockingIOError:
                continue
            if not waiting:
                raise ConnectionResetError("gone before its PROXY header")
            accepted.recv(header.take(waiting))
    return header.source


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)
