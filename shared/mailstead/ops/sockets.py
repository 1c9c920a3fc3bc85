"""Ports: opening them so that whoever started the process learns in one line why it did not work."""

import resource
import socket
from ipaddress import ip_address

BACKLOG = 4096
KEEPALIVE_IDLE = 300  # seconds of silence before the kernel asks whether a peer still exists
KEEPALIVE_INTERVAL = 60
KEEPALIVE_PROBES = 5


class StartFailed(Exception):
    """Why the service cannot start, as one line for whoever started it."""


def allow_many_connections() -> None:
    """Raise the limit of open descriptors, which many systems set to 1,024, as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listen(name: str, host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; accepted ones inherit keep-alive. Host `::` serves both families. Raises StartFailed, saying why.

    `shared`: other processes of the same user may listen there too, and the kernel deals connections out to all of them.
    """
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise StartFailed(f"{name}: cannot listen on {host}:{port}: {error.strerror}") from error
    return sock
