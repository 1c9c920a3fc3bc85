"""A message after its final dot, and the seam between what has been decided at RCPT and the transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from mailstead.model.failure import Failure, Refused
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.message import Parsed
from mailstead.wire.trace import Hop, received, return_path
from smtp_in.replies import Reply
from smtp_in.session import Transaction


@dataclass(frozen=True, slots=True)
class Arrival:
    """Its octets are counted in the budget, which `Acceptor.accept` gives back."""

    listener: str
    hop: Hop
    transaction: Transaction
    content: bytes | bytearray
    account: AuthenticatedAccount | None  # who submitted it; None for mail from outside
    findings: bytes = b""  # header lines that tell what the checks have found

    @property
    def trace_id(self) -> str:
        return self.hop.trace_id


class TurnedAway(Refused):
    """A message that nobody here wants, for good; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(Failure.NOT_PERMITTED, reply.text)
        self.reply = reply


def prefix_of(arrival: Arrival, address: str, date: str) -> bytes:
    """Our own header lines above the copy for the recipient that the client wrote as `address`."""
    return return_path(arrival.transaction.sender.path) + arrival.findings + received(arrival.hop, address, date)


Planner = Callable[[Arrival, Parsed, datetime], Awaitable[Arrival]]
"""Runs between parsing and the transaction, and gives back the arrival with the placements of its targets as they shall be.

It reads what it needs, decides, and writes nothing (promise P3). Raises Refused, which refuses the message.
"""
