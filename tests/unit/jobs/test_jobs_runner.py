"""Background jobs over a real database: one replica leads each, another takes over, and what they find is exported."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from jobs.catalogue import Job, catalogue
from jobs.metrics import JobsMetrics
from jobs.runner import Runner
from jobs.settings import JobsSettings
from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database, open_database
from mailstead.store.invariants import CHECKS
from mailstead.store.leases import Leases
from mailstead.store.provisioning import Provisioning


@pytest.fixture
async def db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.jobs) as db:
        yield db


def settings_for(urls: DatabaseUrls) -> JobsSettings:
    return JobsSettings(database_url=SecretStr(urls.jobs), hostname="mail.test", observe_port=0)


async def test_one_replica_leads_and_another_takes_over(db: Database) -> None:
    runs: list[str] = []

    def job(replica: str) -> Job:
        async def run() -> None:
            runs.append(replica)

        return Job("test", 0.02, run)

    metrics = {name: JobsMetrics.register(CollectorRegistry()) for name in ("one", "two")}
    leading = {name: asyncio.create_task(Runner(Leases(db), name, 1, metrics[name]).lead(job(name))) for name in ("one", "two")}
    await eventually(lambda: len(runs) >= 5)
    (leader,) = set(runs)
    (other,) = {"one", "two"} - {leader}
    leading[leader].cancel()
    await asyncio.wait([leading[leader]])
    await eventually(lambda: other in runs)
    leading[other].cancel()
    await asyncio.wait([leading[other]])


async def test_a_job_whose_lease_was_taken_is_cancelled(db: Database, database_urls: DatabaseUrls) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    leading = asyncio.create_task(
        Runner(Leases(db), "one", 0.5, JobsMetrics.register(CollectorRegistry())).lead(Job("test", 60, run))
    )
    async with asyncio.timeout(10):
        await started.wait()
        await db.execute("steal", "UPDATE leases SET holder = 'two', fence = fence + 1, expires_at = now() + interval '1 hour'")
        await ended.wait()
    leading.cancel()
    await asyncio.wait([leading])


async def test_a_lease_that_cannot_be_renewed_ends_the_job(db: Database, database_urls: DatabaseUrls) -> None:
    """The database does not answer the renewal: the job stops before another replica may begin it."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    runner = Runner(Leases(db), "one", 0.5, JobsMetrics.register(CollectorRegistry()))
    leading = asyncio.create_task(runner.lead(Job("test", 60, run)))
    async with asyncio.timeout(10), open_database(database_urls.owner) as owner:
        await started.wait()
        async with owner.transaction("hold") as connection:
            await connection.execute("SELECT FROM leases FOR UPDATE")
            await ended.wait()
    leading.cancel()
    await asyncio.wait([leading])


async def test_two_replicas_never_run_a_job_at_the_same_time(database_urls: DatabaseUrls) -> None:
    """Each with a pool of its own, as leadership goes from one to the other again and again."""
    running: set[str] = set()
    changes: list[str] = []

    def job(replica: str) -> Job:
        async def run() -> None:
            assert not running, "two replicas run the job"
            running.add(replica)
            if changes[-1:] != [replica]:
                changes.append(replica)
            try:
                await asyncio.sleep(0.01)
            finally:
                running.discard(replica)

        return Job("test", 0.001, run)

    registries = {name: CollectorRegistry() for name in ("one", "two")}
    async with open_database(database_urls.jobs) as one, open_database(database_urls.jobs) as two:
        runners = {
            name: Runner(Leases(db), name, 0.3, JobsMetrics.register(registries[name]))
            for name, db in (("one", one), ("two", two))
        }
        tasks = {name: asyncio.create_task(runner.lead(job(name))) for name, runner in runners.items()}
        for changed in range(1, 5):
            await eventually(lambda changed=changed: len(changes) == changed)  # type: ignore[misc]
            leader = changes[-1]
            tasks[leader].cancel()
            await asyncio.wait([tasks[leader]])
            await eventually(lambda changed=changed: len(changes) == changed + 1)  # type: ignore[misc]
            tasks[leader] = asyncio.create_task(runners[leader].lead(job(leader)))
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values())
    for registry in registries.values():
        assert not registry.get_sample_value("mailstead_job_runs_total", {"job": "test", "outcome": "failed"})
        assert registry.get_sample_value("mailstead_job_leading", {"job": "test"}) == 0


async def test_a_failing_job_goes_on(db: Database) -> None:
    runs: list[int] = []

    async def run() -> None:
        runs.append(1)
        raise Refused(Failure.UNAVAILABLE, "away")

    registry = CollectorRegistry()
    leading = asyncio.create_task(Runner(Leases(db), "one", 5, JobsMetrics.register(registry)).lead(Job("test", 0.01, run)))
    await eventually(lambda: len(runs) >= 4)
    assert (registry.get_sample_value("mailstead_job_runs_total", {"job": "test", "outcome": "failed"}) or 0) >= 3
    leading.cancel()
    await asyncio.wait([leading])


async def test_every_job_runs_with_the_rights_of_its_role(db: Database, database_urls: DatabaseUrls) -> None:
    registry = CollectorRegistry()
    for job in catalogue(db, lambda _: None, settings_for(database_urls), JobsMetrics.register(registry)):
        await job.run()
    for invariant in CHECKS:
        assert registry.get_sample_value("mailstead_invariant_violations", {"invariant": invariant}) == 0


@pytest.mark.breaks_invariants
async def test_a_violation_is_exported(db: Database, database_urls: DatabaseUrls) -> None:
    async with open_database(database_urls.owner) as owner:
        await Provisioning(owner).create_domain("a.test")
        await owner.execute(
            "break",
            """INSERT INTO accounts (tenant_id, domain_id, address, password_hash, quota_bytes)
               SELECT tenant_id, domain_id, 'alice@a.test', '', 0 FROM domains""",
        )
    registry = CollectorRegistry()
    invariants = catalogue(db, lambda _: None, settings_for(database_urls), JobsMetrics.register(registry))[-1]
    await invariants.run()
    label = {"invariant": "every account has an INBOX and its own address"}
    assert registry.get_sample_value("mailstead_invariant_violations", label) == 1
    invariants.lapse()
    assert registry.get_sample_value("mailstead_invariant_violations", label) is None


def test_retention_is_longer_than_nothing(database_urls: DatabaseUrls) -> None:
    settings = settings_for(database_urls)
    assert timedelta(days=settings.jobs_expunged_days) > timedelta(hours=settings.jobs_content_grace_hours)
