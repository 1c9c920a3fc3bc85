"""Wiring of the delivery service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from delivery.attempt import Courier
from delivery.breaker import Breaker
from delivery.metrics import Metrics
from delivery.mta_sts import Policies, PolicyHosts
from delivery.mx import DnsQuestions, Router, address_rule
from delivery.pace import Pace
from delivery.rates import Rates
from delivery.reports import Reporter
from delivery.rulebook import Rulebook
from delivery.secured import Contexts, Opener, opportunistic_tls, verified_tls
from delivery.session_cache import SessionCache
from delivery.settings import DeliverySettings
from delivery.sign import Signer
from delivery.silence import Silence
from delivery.worker import Worker
from mailstead.events import QUEUE_SUBJECT
from mailstead.model.failure import Refused
from mailstead.ops.database import service_database
from mailstead.ops.events import service_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.logging import get_logger
from mailstead.store.delivery_rules import load_rules
from mailstead.store.limits import Limits
from mailstead.store.queue import Queue

COUNT_SECONDS = 15.0  # between two counts of the queue for the metrics

log = get_logger()


@asynccontextmanager
async def delivery(settings: DeliverySettings, runtime: Runtime) -> AsyncIterator[None]:
    """Works on the queue while entered; on leaving, ends what is in flight within the drain deadline."""
    metrics = Metrics.register(runtime.registry)
    async with (
        service_database(settings, runtime) as database,
        service_bus(settings, runtime) as bus,
    ):
        queue = Queue(
            database,
            bus.publish,
            suppressed_for=timedelta(days=settings.delivery_suppress_days),
            less_urgent_by=timedelta(seconds=settings.delivery_less_urgent_seconds),
            delay_notice_after=settings.policy.delay_notice_after,
        )
        signer = Signer(database, metrics)
        questions = _questions(settings)
        verified = verified_tls(str(settings.delivery_tls_authorities) if settings.delivery_tls_authorities else None)
        policies = Policies(
            questions,
            PolicyHosts(
                questions, settings.delivery_mta_sts_port, verified, address_rule(settings.delivery_allow_private_networks)
            ),
            lambda result: metrics.policy_fetches.labels(result).inc(),
        )
        cache = SessionCache(settings.keeping)
        courier = Courier(
            database,
            signer,
            _router(settings, questions),
            Rulebook(partial(load_rules, database), settings.last_rule, seconds=settings.delivery_rules_seconds),
            Rates(Limits(database)),
            Opener(
                settings.hostname,
                settings.timeouts,
                Contexts(verified, opportunistic_tls()),
                cache,
                Breaker(settings.breaker),
                lambda demand, result: metrics.tls_sessions.labels(demand, result).inc(),
            ),
            policies if settings.delivery_mta_sts else None,
            questions if settings.delivery_dane == "opportunistic" else None,
            limits=settings.limits,
        )
        worker = Worker(
            runtime.replica,
            queue,
            courier,
            Reporter(database, settings.hostname),
            metrics,
            bounds=settings.bounds,
            pace=Pace(settings.pace),
            silence=Silence(settings.breaker),
            policy=settings.policy,
        )
        subscription = bus.subscribe(QUEUE_SUBJECT, lambda _event: worker.wake())
        bus.on_reconnect(worker.wake)
        runtime.spawn(worker.run(), "delivery-worker")
        runtime.spawn(_count(queue, metrics), "queue-counts")
        try:
            yield
        finally:
            subscription.close()
            await worker.drain(runtime.drain_deadline - asyncio.get_running_loop().time())
            await cache.close()
            await policies.close()
            signer.close()


def _questions(settings: DeliverySettings) -> DnsQuestions:
    questions = DnsQuestions(
        settings.delivery_dns_servers,
        settings.delivery_dns_port,
        ipv6=settings.delivery_ipv6,
        seconds=settings.delivery_dns_seconds,
    )
    if not questions.servers:  # a machine without a network may still run the rest of the system
        log.warning("no DNS resolver is known, mail for other hosts waits; set MAILSTEAD_DELIVERY_DNS_SERVERS")
    return questions


def _router(settings: DeliverySettings, questions: DnsQuestions) -> Router:
    return Router(
        questions,
        own_names=frozenset({settings.hostname.lower()}),
        port=settings.delivery_port,
        allow_private=settings.delivery_allow_private_networks,
    )


async def _count(queue: Queue, metrics: Metrics) -> None:
    while True:
        try:
            metrics.tell(await queue.counts())
        except Refused as refused:
            log.warning("the queue cannot be counted", reason=str(refused))
        await asyncio.sleep(COUNT_SECONDS)
