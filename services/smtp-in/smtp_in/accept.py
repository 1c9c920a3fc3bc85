"""From a finished transaction to the promise of a 250: rewrite, parse, commit, answer (promises D1, D5, D6).

The commit runs in a task of its own with its own deadline. A client that goes away after its final dot, or a session that is
cut, does not take it back; the process waits for it before it leaves.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol

from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.delivery import Delivery, LocalCopy, Outgoing, OutgoingRecipient, Receipt
from mailstead.store.mailbox_row import INBOX
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.message import Parsed, parse_message
from mailstead.wire.trace import Hop, date_time, received, return_path
from smtp_in import replies
from smtp_in.content import Budget
from smtp_in.metrics import Metrics
from smtp_in.policy import LocalTarget, RemoteTarget, undelivered
from smtp_in.received import Additions, rewrite
from smtp_in.replies import Reply
from smtp_in.reports import success_report
from smtp_in.session import Transaction

PARSE_IN_THREAD = 256 * 1024  # octets; what is larger would hold up the loop for more than a few milliseconds
COMMIT_SECONDS = 60.0  # a client waits 10 minutes for this reply (RFC 5321 §4.5.3.2.6)

log = get_logger()


class Committer(Protocol):
    """What files a delivery: `mailstead.store.ingest.Ingest`."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Return once it is committed. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message after its final dot. Its octets are counted in the budget, which `Acceptor.accept` gives back."""

    listener: str
    hop: Hop
    transaction: Transaction
    content: bytes
    account: AuthenticatedAccount | None  # who submitted it; None for mail from outside

    @property
    def trace_id(self) -> str:
        return self.hop.trace_id


class Acceptor(AbstractAsyncContextManager["Acceptor"]):
    """Leaving the context waits until every commit under way is settled."""

    def __init__(
        self,
        committer: Committer,
        budget: Budget,
        metrics: Metrics,
        *,
        commit_seconds: float = COMMIT_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._committer = committer
        self._budget = budget
        self._metrics = metrics
        self._commit_seconds = commit_seconds
        self._now = now
        self._under_way: set[asyncio.Task[Reply]] = set()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="parse")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._threads.shutdown(wait=False)

    async def accept(self, arrival: Arrival) -> Reply:
        """The reply to the final dot. Being cancelled while waiting for it changes nothing about the message."""
        task = asyncio.create_task(self._settle(arrival))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _settle(self, arrival: Arrival) -> Reply:
        started = time.perf_counter()
        fault: Exception | None = None
        try:
            async with asyncio.timeout(self._commit_seconds):
                reply = await self._commit(arrival)
        except Refused as refused:
            fault, reply = refused, undelivered(refused.failure, len(arrival.transaction.targets))
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender tries again (promise D5)
            fault, reply = error, replies.TRY_LATER
        finally:
            self._budget.release(len(arrival.content))
        with contextlib.suppress(Exception):  # that something cannot be told must not change what is true
            seconds = time.perf_counter() - started
            self._metrics.message(arrival.listener, reply, len(arrival.content), seconds)
            _report(arrival, reply, seconds, fault)
        return reply

    async def _commit(self, arrival: Arrival) -> Reply:
        now = self._now()
        date = date_time(now)
        content = rewrite(arrival.content, arrival.hop.host, self._additions(arrival, date))
        if isinstance(content, Reply):
            return content
        if len(content) > PARSE_IN_THREAD:
            parsed = await asyncio.get_running_loop().run_in_executor(self._threads, parse_message, content)
        else:
            parsed = parse_message(content)
        report = success_report(arrival.transaction, arrival.account, arrival.hop.host, parsed, now)
        await self._committer.deliver(_delivery(arrival, parsed, date, report))
        return replies.accepted(arrival.trace_id)

    def _additions(self, arrival: Arrival, date: str) -> Additions | None:
        if arrival.account is None:
            return None
        sender = arrival.transaction.sender.path or arrival.account.address
        return Additions(date, f"<{arrival.trace_id}@{arrival.hop.host}>", f"<{sender}>")


def _report(arrival: Arrival, reply: Reply, seconds: float, fault: Exception | None) -> None:
    """The one line that a message leaves in the log."""
    fields: dict[str, object] = {
        "trace_id": arrival.trace_id,
        "listener": arrival.listener,
        "peer": arrival.hop.client,
        "hello": arrival.hop.hello_name,
        "sender": arrival.transaction.sender.path,
        "recipients": [target.address for target in arrival.transaction.targets],
        "size": len(arrival.content),
        "reply": f"{reply.code} {reply.enhanced}",
        "seconds": round(seconds, 4),
    }
    if arrival.account is not None:
        fields["account"] = arrival.account.address
    match fault:
        case None:
            log.info("message", **fields)
        case Refused():
            log.warning("message not taken", failure=fault.failure.value, detail=fault.detail, **fields)
        case TimeoutError():
            log.warning("message not committed in time", **fields)
        case _:
            log.error("message not taken for an unforeseen reason", exc_info=fault, **fields)


def _delivery(arrival: Arrival, content: Parsed, date: str, report: Delivery | None) -> Delivery:
    """One copy for each mailbox with its own prefix, and one queue entry for all that leaves."""
    sender = arrival.transaction.sender
    local: dict[int, LocalTarget] = {}
    remote: dict[str, RemoteTarget] = {}
    for target in arrival.transaction.targets:
        if isinstance(target, LocalTarget):
            local.setdefault(target.recipient.account_id, target)  # whoever is named twice gets it once
        else:
            remote.setdefault(target.address, target)
    above = return_path(sender.path)
    copies = tuple(
        LocalCopy(
            target.recipient.account_id,
            target.recipient.tenant_id,
            INBOX,
            above + received(arrival.hop, target.address, date),
        )
        for target in local.values()
    )
    if not remote:
        return Delivery(arrival.trace_id, content, copies, report=report)
    assert arrival.account is not None  # only those who log in may write to other hosts
    only = next(iter(remote)) if len(remote) == 1 and not local else None
    outgoing = Outgoing(
        arrival.account.tenant_id,
        arrival.account.account_id,
        sender.path,
        tuple(OutgoingRecipient(target.address, target.notify, target.original) for target in remote.values()),
        received(arrival.hop, only, date),  # RFC 5321 §7.2: `for` would show blind recipients to each other
        envelope_id=sender.envelope_id,
        return_full=sender.return_full,
    )
    return Delivery(arrival.trace_id, content, copies, (outgoing,), report=report)
