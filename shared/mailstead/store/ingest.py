"""The group committer: messages that arrive together, on whatever connections, share one transaction (promise P1).

While one batch is being committed the next one gathers. A batch never lets strangers hurt each other: deliveries whose mailbox is
locked elsewhere ride in the next batch, and a batch that fails is bisected until only the culprit is refused.
"""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from uuid import UUID

from mailstead.events import MailboxChanged
from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_id
from mailstead.store.delivery import Announce, Delivery, Receipt
from mailstead.store.engine import Connection, Database, is_outage
from mailstead.store.filing import Outcome, file_batch, stage
from mailstead.store.mailbox_row import Counters, advance, lock_by_id
from mailstead.store.tenant_keys import TenantKeys
from mailstead.store.tombstones import Reason, bury

STAGE_ABOVE = 1024 * 1024  # octets; larger bodies go to the database ahead of their batch
STAGE_STEP = 4 * 1024 * 1024  # octets in one short transaction
LOCKED_FOR = 20.0  # seconds that a delivery may wait for a mailbox that is locked elsewhere
LOCKED_PAUSE = 0.02  # seconds before locked deliveries are tried again when nothing else arrives

ObserveBatch = Callable[[int, float], None]
"""Called with the number of deliveries of a committed batch and the seconds it took."""

Staged = dict[tuple[int, int], UUID]
"""Blobs whose chunks are there already, by (index of the delivery, tenant)."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A delivery on its way. `deadline` is on the monotonic clock."""

    delivery: Delivery
    done: "asyncio.Future[Receipt]"
    deadline: float
    staged: dict[int, UUID] = field(default_factory=dict)  # tenant -> blob


class Ingest(AbstractAsyncContextManager["Ingest"]):
    """Files deliveries. Leaving the context waits until what was handed over is settled."""

    def __init__(
        self,
        database: Database,
        *,
        announce: Announce,
        max_batch: int = 64,
        max_batch_octets: int = 16 * 1024 * 1024,
        observe: ObserveBatch | None = None,
    ) -> None:
        self._database = database
        self._announce = announce
        self._max_batch = max_batch
        self._max_batch_octets = max_batch_octets
        self._observe = observe
        self._keys = TenantKeys()
        self._waiting: deque[_Waiting] = deque()
        self._staging = 0  # deliveries whose body is on its way to the database
        self._arrived = asyncio.Event()
        self._closing = False
        self._committer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Ingest":
        self._committer = asyncio.create_task(self._commit_batches(), name="group committer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing = True
        self._arrived.set()
        if self._committer:
            await self._committer

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Return once the transaction that holds `delivery` has committed (promise D1).

        Raises Refused: UNAVAILABLE (try again; nothing was filed as far as this process knows), NoSuchMailboxes, which says
        without which copies it might be filed, or OVER_QUOTA where `strict_quota` asks for it. A delivery is not taken back by
        cancelling its caller.
        """
        if self._closing:
            raise Refused(Failure.UNAVAILABLE, "this replica is shutting down")
        waiting = _Waiting(delivery, asyncio.get_running_loop().create_future(), time.monotonic() + LOCKED_FOR)
        if len(delivery.content.body) > STAGE_ABOVE:
            self._staging += 1
            try:
                waiting.staged = await self._stage(delivery)
            finally:
                self._staging -= 1
                self._arrived.set()
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.done

    async def deliver_together(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        """All of them or none, in a transaction of their own (RFC 3502 §6.3.11). Raises as `deliver` does."""
        return await self._together(deliveries, lambda connection, staged: self._all(connection, deliveries, staged))

    async def replace(self, delivery: Delivery, source_id: int, uid: int, target_id: int, *, actor: str) -> Receipt:
        """File `delivery`, whose one copy goes to the mailbox `target_id`, and expunge a message of the same account, or neither.

        RFC 8508 §3.1. Raises as `deliver` does, and NO_SUCH_MESSAGE when the message is gone.
        """
        account_id = delivery.copies[0].account_id

        async def work(connection: Connection, staged: Staged) -> list[Receipt]:
            await lock_by_id(connection, account_id, source_id, target_id)
            receipts = await self._all(connection, [delivery], staged)
            (source,) = await lock_by_id(connection, account_id, source_id)
            modseq = source.highest_modseq + 1
            buried = await bury(connection, source, [uid], modseq, actor=actor, reason=Reason.REPLACE)
            if not buried.uids:
                raise Refused(Failure.NO_SUCH_MESSAGE, f"UID {uid} is gone")
            await advance(connection, source, modseq, Counters(), buried.counters)
            told = MailboxChanged(account_id, source_id, source.highest_modseq, modseq)
            return [dataclasses.replace(receipts[0], events=(*receipts[0].events, told))]

        (receipt,) = await self._together([delivery], work)
        return receipt

    async def _together(
        self, deliveries: Sequence[Delivery], work: Callable[[Connection, Staged], Awaitable[list[Receipt]]]
    ) -> list[Receipt]:
        staged: Staged = {}
        for n, delivery in enumerate(deliveries):
            if len(delivery.content.body) > STAGE_ABOVE:
                blobs = await self._stage(delivery)
                staged |= {(n, tenant_id): blob_id for tenant_id, blob_id in blobs.items()}
        receipts = await self._database.transact("file together", lambda connection: work(connection, staged))
        for receipt in receipts:
            self._announce(receipt.events)
        return receipts

    async def _all(self, connection: Connection, deliveries: Sequence[Delivery], staged: Staged) -> list[Receipt]:
        outcomes = await file_batch(connection, deliveries, self._keys, staged=staged, wait_for_locks=True)
        receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                raise outcome
        return receipts

    async def _stage(self, delivery: Delivery) -> dict[int, UUID]:
        """Keep its body ahead of it in short transactions (promise S3): the blob for each tenant."""
        body = memoryview(delivery.content.body)
        staged: dict[int, UUID] = {}
        for tenant_id in delivery.tenants:
            blob_id, number = new_id(), 0
            for at in range(0, len(body), STAGE_STEP):
                async with self._database.transaction("stage body") as connection:
                    number = await stage(connection, tenant_id, blob_id, number, body[at : at + STAGE_STEP])
            staged[tenant_id] = blob_id
        return staged

    async def _commit_batches(self) -> None:
        while True:
            await self._gather()
            batch = self._take()
            if not batch:
                if self._closing and not self._staging:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            self._arrived.clear()
            held = await self._settle(batch)
            # At the end, so that what is locked never stands before what is not.
            self._waiting.extend(held)
            if len(held) == len(batch):
                await _wait_briefly(self._arrived)

    async def _gather(self) -> None:
        """Let messages that are here already join the batch: one turn of the event loop after the other while each brings more.

        More patience makes larger batches, but then the loop idles while PostgreSQL works, and PostgreSQL while the loop does.
        """
        known = 0
        while known < len(self._waiting) < self._max_batch:
            known = len(self._waiting)
            await asyncio.sleep(0)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        octets = 0
        while self._waiting and len(batch) < self._max_batch:
            content = self._waiting[0].delivery.content
            octets += len(content.header) + (0 if self._waiting[0].staged else len(content.body))
            if batch and octets > self._max_batch_octets:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _settle(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Commit what can be committed and tell each caller; those whose mailbox is locked come back."""
        started = time.perf_counter()
        try:
            outcomes = await self._database.transact("ingest", lambda connection: self._file(connection, batch))
        except Refused as refused:
            return await self._bisect(batch, refused)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with a batch must not end the committer (promise D5)
            return await self._bisect(batch, Refused(Failure.UNAVAILABLE, f"ingest: {type(error).__name__}: {error}"))
        held = []
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Receipt):
                self._announce(outcome.events)
                _tell(waiting, outcome)
            elif isinstance(outcome, Refused):
                _tell(waiting, outcome)
            elif time.monotonic() > waiting.deadline:
                _tell(waiting, Refused(Failure.UNAVAILABLE, "a mailbox of this message stayed locked"))
            else:
                held.append(waiting)
        if self._observe and len(held) < len(batch):
            self._observe(len(batch) - len(held), time.perf_counter() - started)
        return held

    async def _bisect(self, batch: list[_Waiting], refused: Refused) -> list[_Waiting]:
        """After an error nothing of the batch is filed: try the halves, so that only the culprit is refused."""
        if len(batch) == 1 or is_outage(refused):
            for waiting in batch:
                _tell(waiting, refused)
            return []
        middle = len(batch) // 2
        return await self._settle(batch[:middle]) + await self._settle(batch[middle:])

    async def _file(self, connection: Connection, batch: list[_Waiting]) -> list[Outcome]:
        staged = {(n, tenant_id): blob_id for n, w in enumerate(batch) for tenant_id, blob_id in w.staged.items()}
        return await file_batch(connection, [waiting.delivery for waiting in batch], self._keys, staged=staged)


def _tell(waiting: _Waiting, outcome: Receipt | Refused) -> None:
    if waiting.done.done():
        return  # the caller has gone; what is committed stands (promise D6)
    if isinstance(outcome, Refused):
        waiting.done.set_exception(outcome)
    else:
        waiting.done.set_result(outcome)


async def _wait_briefly(arrived: asyncio.Event) -> None:
    """Until something new arrives, or for LOCKED_PAUSE."""
    try:
        await asyncio.wait_for(arrived.wait(), LOCKED_PAUSE)
    except TimeoutError:
        return
