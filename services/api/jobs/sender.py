"""Tells webhooks what happened: claims deliveries that are due, sends each once, and settles it or puts it off."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Protocol

import orjson

from jobs.metrics import JobsMetrics
from jobs.settings import JobsSettings
from mailstead.model.failure import Refused
from mailstead.model.retry import RetryCurve, next_attempt
from mailstead.ops.logging import get_logger
from mailstead.store.webhook_sending import Attempted, Claimed, WebhookSending
from mailstead.wire.webhook_signature import signatures

LEASE = timedelta(minutes=5)  # longer than any attempt takes with its settlement
LOOK_SECONDS = 0.5  # between two looks for what is due

log = get_logger()


class Post(Protocol):
    """What `Receivers` does."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Attempted: ...


class Sender:
    """`run` is one task of each replica."""

    def __init__(
        self,
        sending: WebhookSending,
        receivers: Post,
        settings: JobsSettings,
        metrics: JobsMetrics,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self._sending = sending
        self._receivers = receivers
        self._at_once = settings.jobs_webhooks_at_once
        self._of_one = settings.jobs_webhooks_of_one
        self._curve = RetryCurve(first=timedelta(seconds=settings.jobs_webhook_retry_seconds))
        self._give_up = timedelta(hours=settings.jobs_webhook_give_up_hours)
        self._disable = timedelta(hours=settings.jobs_webhook_disable_hours)
        self._lease = lease
        self._metrics = metrics
        self._under_way: dict[asyncio.Task[None], int] = {}  # -> webhook

    async def run(self) -> None:
        """On and on, until cancelled; what is under way then is sent again when its lease has run out."""
        try:
            while True:
                if await self._begin() == 0:
                    await self._wait()
        finally:
            under_way = list(self._under_way)
            for task in under_way:
                task.cancel()
            if under_way:
                await asyncio.wait(under_way)

    async def _begin(self) -> int:
        """Begin what is due and has room; how many."""
        room = self._at_once - len(self._under_way)
        if room <= 0:
            return 0
        busy = [webhook_id for webhook_id, count in Counter(self._under_way.values()).items() if count >= self._of_one]
        try:
            claimed = await self._sending.claim(room, self._of_one, self._lease, avoid=busy)
        except Refused as refused:
            log.warning("cannot look for events to send", reason=refused.detail)
            return 0
        for one in claimed:
            task = asyncio.create_task(self._send(one), name=f"webhook {one.webhook_id}")
            self._under_way[task] = one.webhook_id
            task.add_done_callback(self._ended)
        return len(claimed)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._under_way[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("sending an event failed unexpectedly", exc_info=error)

    async def _wait(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(LOOK_SECONDS)

    async def _send(self, claimed: Claimed) -> None:
        body = body_of(claimed)
        timestamp = int(datetime.now(UTC).timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": str(claimed.event_id),
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(claimed.secrets, str(claimed.event_id), timestamp, body),
        }
        attempted = await self._receivers.post(claimed.url, headers, body)
        self._metrics.webhook_seconds.observe(attempted.duration)
        try:
            await self._settle(claimed, attempted)
        except Refused as refused:
            log.warning("cannot settle a delivery", webhook_id=claimed.webhook_id, reason=refused.detail)

    async def _settle(self, claimed: Claimed, attempted: Attempted) -> None:
        now = datetime.now(UTC)
        if attempted.error is None:
            self._metrics.webhook_attempts.labels("delivered").inc()
            await self._sending.settle(claimed, "delivered", attempted, None, self._disable)
            return
        until = next_attempt(self._curve, claimed.tries, now, claimed.begun_at + self._give_up, random.random())  # noqa: S311 - no secret
        if until and attempted.pause:
            until = max(until, now + min(timedelta(seconds=attempted.pause), self._curve.longest))
        if attempted.gone:
            until = None
        self._metrics.webhook_attempts.labels("failed" if until is None else "deferred").inc()
        log.info(
            "webhook did not take an event",
            webhook_id=claimed.webhook_id,
            event_id=str(claimed.event_id),
            attempt=claimed.attempts,
            error=attempted.error,
            until=until and until.isoformat(),
        )
        disabled = await self._sending.settle(claimed, "pending" if until else "failed", attempted, until, self._disable)
        if disabled:
            log.warning("webhook turned off", webhook_id=claimed.webhook_id, reason=disabled)


def body_of(claimed: Claimed) -> bytes:
    """What the receiver is sent: JSON, the same at each attempt."""
    return orjson.dumps(
        {
            "id": str(claimed.event_id),
            "type": claimed.type,
            "timestamp": claimed.at.astimezone(UTC).isoformat(),
            "tenant_id": claimed.tenant_id,
            "data": claimed.data,
        }
    )
