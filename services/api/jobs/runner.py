"""Runs jobs, each on one replica at a time (promise D3).

A replica leads a job while it holds the lease `job:NAME`; it renews the lease while it lives, and the others look from time to
time whether it is free. A run whose lease was lost is cancelled; jobs work in short transactions, so nothing is half-done.
"""

import asyncio
import time

from jobs.catalogue import Job
from jobs.metrics import JobsMetrics
from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.leases import Lease, Leases

RENEWALS = 3  # within the life of a lease, so that one may fail

log = get_logger()


class Runner:
    """`lead` is one task for each job."""

    def __init__(self, leases: Leases, replica: str, lease_seconds: float, metrics: JobsMetrics) -> None:
        self._leases = leases
        self._replica = replica
        self._lease_seconds = lease_seconds
        self._metrics = metrics

    async def lead(self, job: Job) -> None:
        """Whenever the lease can be had, run the job on and on. Until cancelled."""
        while True:
            lease = await self._acquire(job)
            if lease is not None:
                await self._hold(job, lease)
            await asyncio.sleep(self._lease_seconds / RENEWALS)

    async def _acquire(self, job: Job) -> Lease | None:
        try:
            return await self._leases.acquire(f"job:{job.name}", self._replica, self._lease_seconds)
        except Refused as refused:
            log.warning("cannot ask for a job's lease", job=job.name, reason=refused.detail)
            return None

    async def _hold(self, job: Job, lease: Lease) -> None:
        """Lead until the lease is lost, or cancelled; then give it back."""
        log.info("leading a job", job=job.name)
        self._metrics.leading.labels(job.name).set(1)
        work = asyncio.create_task(self._repeat(job), name=f"job {job.name}")
        try:
            await self._renew_while_running(job, lease, work)
        finally:
            work.cancel()
            await asyncio.wait([work])
            self._metrics.leading.labels(job.name).set(0)
            job.lapse()
            await self._release(job, lease)

    async def _renew_while_running(self, job: Job, lease: Lease, work: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        good_until = loop.time() + self._lease_seconds
        while loop.time() < good_until:
            await asyncio.wait([work], timeout=self._lease_seconds / RENEWALS)
            started = loop.time()
            try:
                async with asyncio.timeout_at(good_until):  # a database that does not answer must not keep us past our lease
                    if not await self._leases.renew(lease, self._lease_seconds):
                        break
                good_until = started + self._lease_seconds
            except TimeoutError:
                log.warning("cannot renew a job's lease", job=job.name, reason="no answer while it lasted")
            except Refused as refused:
                log.warning("cannot renew a job's lease", job=job.name, reason=refused.detail)
        log.warning("lost a job's lease", job=job.name)

    async def _release(self, job: Job, lease: Lease) -> None:
        try:
            await self._leases.release(lease)
        except Refused as refused:
            log.warning("cannot release a job's lease", job=job.name, reason=refused.detail)

    async def _repeat(self, job: Job) -> None:
        while True:
            started = time.perf_counter()
            outcome = "failed"
            try:
                await job.run()
                outcome = "done"
                self._metrics.last_success.labels(job.name).set_to_current_time()
            except Refused as refused:
                log.warning("job failed", job=job.name, reason=refused.detail)
            except Exception:
                log.exception("job failed unexpectedly", job=job.name)
            self._metrics.runs.labels(job.name, outcome).inc()
            self._metrics.seconds.labels(job.name).observe(time.perf_counter() - started)
            await asyncio.sleep(job.every)
