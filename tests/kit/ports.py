"""Free loopback ports, from below the range that the kernel takes for outgoing connections, so that none is taken meanwhile."""

import os
import socket
from collections.abc import Iterator
from itertools import cycle

FIRST, LAST = 10_400, 32_000
_SLICE = (LAST - FIRST) // 16

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
_start = FIRST + _worker * _SLICE
_offset = os.getpid() % _SLICE
_candidates: Iterator[int] = cycle(_start + (_offset + n) % _SLICE for n in range(_SLICE))


def free_port() -> int:
    """A port of 127.0.0.1 that nothing holds; not given again soon."""
    for port in _candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the cycle never ends")
