"""A message after its final dot, and the seam between what has been decided at RCPT and the transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.message import Parsed
from mailstead.wire.trace import Hop
from smtp_in.session import Transaction


@dataclass(frozen=True, slots=True)
class Arrival:
    """Its octets are counted in the budget, which `Acceptor.accept` gives back."""

    listener: str
    hop: Hop
    transaction: Transaction
    content: bytes
    account: AuthenticatedAccount | None  # who submitted it; None for mail from outside

    @property
    def trace_id(self) -> str:
        return self.hop.trace_id


Planner = Callable[[Arrival, Parsed, datetime], Awaitable[Arrival]]
"""Runs between parsing and the transaction, and gives back the arrival with the placements of its targets as they shall be.

It reads what it needs, decides, and writes nothing (promise P3). Raises Refused, which refuses the message.
"""
