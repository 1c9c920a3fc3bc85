"""Identifiers that any process makes alone: time-ordered, so that rows made together lie together."""

import os
import time
from collections import deque
from uuid import UUID

_RANDOM = 10  # octets that an identifier takes
_BLOCK = 256 * _RANDOM  # octets that one system call brings: it costs more than all else here

_unused: deque[bytes] = deque()


def new_id() -> UUID:
    """A UUID of version 7: 48 bits of Unix milliseconds, then randomness (RFC 9562 §5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(_random())
    return UUID(int=value & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48)


def id_after(at: float) -> UUID:
    """Above each identifier that was made until `at`, in Unix seconds, and below those that are made later."""
    return UUID(int=(int(at * 1000) + 1) << 80)


def _random() -> bytes:
    """Octets that nobody else has. A process that forks afterwards would share them with its child: ours never do."""
    while True:
        try:
            return _unused.pop()  # atomic: threads may ask, too
        except IndexError:
            block = os.urandom(_BLOCK)
            _unused.extend(block[at : at + _RANDOM] for at in range(0, _BLOCK, _RANDOM))


def new_trace_id() -> str:
    """The name that follows one message through logs, tables and events: 32 hexadecimal digits."""
    return new_id().hex
