"""Identifiers that any process makes alone: time-ordered, so that rows made together lie together."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """A UUID of version 7: 48 bits of Unix milliseconds, then randomness (RFC 9562 §5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return UUID(int=value & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48)


def new_trace_id() -> str:
    """The name that follows one message through logs, tables and events: 32 hexadecimal digits."""
    return new_id().hex
