"""From a finished transaction to the promise of a 250: rewrite, parse, commit, answer (promises D1, D5, D6).

The commit runs in a task of its own. A client that goes away after its final dot, or a session that is cut, does not take it
back; the process waits for it before it leaves. A client waits for it up to a deadline; what is committed later still stands in
the budget until then, so that a store that has come to a halt makes new senders wait, and not this process grow (promise S3).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType

from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.wire.message import Parsed, parse_message
from mailstead.wire.trace import date_time
from smtp_in import replies
from smtp_in.arrival import Arrival, Planner, TurnedAway
from smtp_in.content import Budget
from smtp_in.metrics import Metrics
from smtp_in.placing import Placer
from smtp_in.received import Additions, rewrite
from smtp_in.replies import Reply

DESCRIBE_IN_THREAD = 256 * 1024  # octets; what is larger would hold up the loop for more than a few milliseconds
COMMIT_SECONDS = 60.0  # a client waits 10 minutes for this reply (RFC 5321 §4.5.3.2.6)

log = get_logger()


class Acceptor(AbstractAsyncContextManager["Acceptor"]):
    """Leaving the context waits until every commit under way is settled."""

    def __init__(
        self,
        placer: Placer,
        budget: Budget,
        metrics: Metrics,
        *,
        planners: Sequence[Planner] = (),
        commit_seconds: float = COMMIT_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._placer = placer
        self._budget = budget
        self._metrics = metrics
        self._planners = planners
        self._commit_seconds = commit_seconds
        self._now = now
        self._under_way: set[asyncio.Task[list[Reply]]] = set()
        self._late: set[asyncio.Task[Reply]] = set()  # commits that nobody waits for any more
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="parse")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        for commit in self._late:
            commit.cancel()
        self._threads.shutdown(wait=False)

    async def accept(self, arrival: Arrival) -> Reply:
        """The reply to the final dot. Being cancelled while waiting for it changes nothing about the message."""
        (reply,) = await self._shielded(arrival, [arrival])
        return reply

    async def accept_each(self, arrival: Arrival) -> list[Reply]:
        """For LMTP: a reply for each recipient in order (RFC 2033 §4.2), each placed for itself; what is kept is kept once."""
        transaction = arrival.transaction
        alone = [replace(arrival, transaction=replace(transaction, targets=[target])) for target in transaction.targets]
        return await self._shielded(arrival, alone)

    async def _shielded(self, arrival: Arrival, parts: Sequence[Arrival]) -> list[Reply]:
        task = asyncio.create_task(self._settle(arrival, parts))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _settle(self, arrival: Arrival, parts: Sequence[Arrival]) -> list[Reply]:
        started = time.perf_counter()
        now = self._now()
        described: Awaitable[Parsed | Reply] = self._described(arrival, now)
        if len(parts) > 1:
            described = asyncio.ensure_future(described)  # a coroutine is awaited once only
        commits = [asyncio.create_task(self._commit(part, described, now)) for part in parts]
        left = len(commits)

        def settled(_: object) -> None:
            nonlocal left
            left -= 1
            if not left:
                self._budget.release(len(arrival.content))

        for commit in commits:
            commit.add_done_callback(settled)
        return [await self._told(part, commit, started) for part, commit in zip(parts, commits, strict=True)]

    async def _told(self, arrival: Arrival, commit: "asyncio.Task[Reply]", started: float) -> Reply:
        """What the client hears of it, and a line in the log."""
        fault: Exception | None = None
        try:
            async with asyncio.timeout(self._commit_seconds - (time.perf_counter() - started)):
                reply = await asyncio.shield(commit)
        except TurnedAway as away:
            fault, reply = away, away.reply
        except Refused as refused:
            fault, reply = refused, replies.for_failure(refused.failure)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender tries again (promise D5)
            fault, reply = error, replies.TRY_LATER
            if not commit.done():
                self._late.add(commit)
                commit.add_done_callback(self._ended_late)
        with contextlib.suppress(Exception):  # that something cannot be told must not change what is true
            seconds = time.perf_counter() - started
            self._metrics.message(arrival.listener, reply, len(arrival.content), seconds)
            _report(arrival, reply, seconds, fault)
        return reply

    def _ended_late(self, commit: asyncio.Task[Reply]) -> None:
        self._late.discard(commit)
        if not commit.cancelled():
            outcome = commit.exception() or commit.result().text
            log.warning("commit ended after the sender was told to try again", outcome=str(outcome))

    async def _described(self, arrival: Arrival, now: datetime) -> Parsed | Reply:
        """The message as it will be kept, or why it is refused."""
        additions = _additions(arrival, now)
        if len(arrival.content) <= DESCRIBE_IN_THREAD:
            return _describe(arrival.content, arrival.hop.host, additions)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _describe, arrival.content, arrival.hop.host, additions)

    async def _commit(self, arrival: Arrival, described: "Awaitable[Parsed | Reply]", now: datetime) -> Reply:
        parsed = await described
        if isinstance(parsed, Reply):
            return parsed
        for plan in self._planners:
            arrival = await plan(arrival, parsed, now)
        await self._placer.place(arrival, parsed, now)
        return replies.accepted(arrival.trace_id)


def _describe(content: bytes | bytearray, host: str, additions: Additions | None) -> Parsed | Reply:
    rewritten = rewrite(content, host, additions)
    return rewritten if isinstance(rewritten, Reply) else parse_message(rewritten)


def _additions(arrival: Arrival, now: datetime) -> Additions | None:
    if arrival.account is None:
        return None
    sender = arrival.transaction.sender.path or arrival.account.address
    return Additions(date_time(now), f"<{arrival.trace_id}@{arrival.hop.host}>", f"<{sender}>")


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
