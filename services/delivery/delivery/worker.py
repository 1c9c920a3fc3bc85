"""Claims leases and carries each through: attempt, settle; renewed while it lasts, given back when the process has to end."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from delivery.attempt import Courier, Tried
from delivery.flights import Flight, Flights, Places
from delivery.hand import Flow, Hand
from delivery.lease import Kept, LeaseLost
from delivery.metrics import Metrics
from delivery.outcome import cancelled, deferred, suppressed
from delivery.pace import Pace
from delivery.reports import Reporter, Way
from delivery.settlement import Policy, Settlement, settle
from delivery.silence import Silence
from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import bind, get_logger
from mailstead.store.queue import Queue
from mailstead.store.queue_put_off import PutOff
from mailstead.store.queued import Asked, Attempt, Leased

DATABASE_PAUSE = 1.0  # seconds before the database is asked again after it was away
SHORTEST_REST = 0.2  # seconds between two looks at the queue when nothing woke us: clocks of replicas differ
SETTLE_PATIENCE = 600.0  # seconds for which an outcome is kept while the database is away; then the lease has long been another's
CLAIM_GAP = 0.01  # seconds between two claims at least, and never less than the last one took
CLAIM_AT_ONCE = 200  # leases
LONGEST_IN_HAND = 1.0  # seconds, after which a lease whose place did not become free is given back
RELEASE_SECONDS = 3.0  # for giving a lease back while draining

log = get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one replica takes on. Times in seconds."""

    places: Places
    lease: float = 120
    poll: float = 30
    attempt: float = 1800


class Worker:
    """One replica's share of the queue."""

    def __init__(
        self,
        name: str,
        queue: Queue,
        courier: Courier,
        reporter: Reporter,
        metrics: Metrics,
        *,
        bounds: Bounds,
        pace: Pace,
        silence: Silence,
        policy: Policy,
    ) -> None:
        self._name = name
        self._queue = queue
        self._courier = courier
        self._reporter = reporter
        self._metrics = metrics
        self._bounds = bounds
        self._policy = policy
        self._hostname = courier.name
        self._woken = asyncio.Event()
        self._stopping = False
        self._claiming = asyncio.Lock()  # held until what was claimed is in `_flights` or given back
        self._flights = Flights(bounds.places, self.wake)
        self._hand = Hand()
        self._flow = Flow()
        self._pace = pace
        self._silence = silence
        self._claim_at = 0.0  # of the loop's clock: not before then

    def wake(self) -> None:
        """Look at the queue now: something became due, or there is room again."""
        self._woken.set()

    async def run(self) -> None:
        """Claim and start work until `drain`."""
        while not self._stopping:
            self._woken.clear()
            self._count()
            room = self._flights.room
            try:
                if room and await self._claim(room):
                    continue
                if self._stopping:
                    return
                pause = await self._pause()
            except Refused as refused:
                log.warning("the queue cannot be read", reason=str(refused))
                pause = DATABASE_PAUSE * random.uniform(1, 2)  # noqa: S311 - so that replicas do not come back all at once
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def drain(self, seconds: float) -> None:
        """Claim no more; let what is in flight end within `seconds`, then give the rest back."""
        self._stopping = True
        self._woken.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS), self._claiming:
                await self._give_back(*self._hand.give_up(asyncio.get_running_loop().time()))
        if tasks := list(self._flights):
            await asyncio.wait(tasks, timeout=max(0.0, seconds))
        for task in self._flights:
            task.cancel()
        if tasks := list(self._flights):
            log.info("giving leases back", count=len(tasks))
            await asyncio.wait(tasks, timeout=RELEASE_SECONDS * 2)

    def _is_full(self, domain: str) -> bool:
        return self._flights.domains[domain] >= self._pace.window(domain)

    async def _claim(self, room: int) -> bool:
        """Whether anything was claimed."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._claim_at - clock()))
        async with self._claiming:
            started = clock()
            await self._give_back(*self._hand.give_up(started - LONGEST_IN_HAND))
            leases = await self._queue.claim(
                self._name,
                min(room, CLAIM_AT_ONCE),
                timedelta(seconds=self._bounds.lease),
                rooms=self._rooms(started),
                elsewhere=self._pace.first,
            )
            self._claim_at = clock() + max(CLAIM_GAP, clock() - started)
            for leased in leases:
                self._hand.add(leased, clock())
            if self._stopping:
                await self._give_back(*self._hand.give_up(clock()))
            for domain in {leased.domain for leased in leases}:
                self._start_next(domain)
            return bool(leases)

    def _rooms(self, now: float) -> dict[str, int]:
        """How many more leases each domain that is busy may have: for its free places, and some to have in hand."""
        in_hand = self._hand.domains
        known = self._flights.domains.keys() | in_hand.keys() | self._flow.domains(now)
        taken = {domain: self._flights.domains[domain] + in_hand.get(domain, 0) for domain in known}
        return {domain: max(0, self._pace.window(domain) + self._flow.ahead(domain, now) - taken[domain]) for domain in known}

    def _start_next(self, domain: str) -> None:
        """From what is in hand, as long as the domain has places."""
        while not self._stopping and not self._is_full(domain) and (leased := self._hand.take(domain)):
            self._start(leased)

    async def _pause(self) -> float:
        """Seconds until something may be due that we have room for. Ends of our attempts wake us besides."""
        longest = LONGEST_IN_HAND if len(self._hand) else self._bounds.poll
        if not self._flights.room:
            return longest
        due = await self._queue.next_due()
        if due is None:
            return longest
        return min(max((due - datetime.now(UTC)).total_seconds(), SHORTEST_REST), longest)

    def _start(self, leased: Leased) -> None:
        flight = Flight(leased, Tried())
        task = asyncio.create_task(self._work(flight), name=f"delivery {leased.queue_id} {leased.domain}")
        self._flights.add(task, flight)
        self._count()

        def ended(task: asyncio.Task[None]) -> None:
            self._flights.remove(task)
            self._start_next(flight.leased.domain)
            self._count()
            self._woken.set()
            if not task.cancelled() and (error := task.exception()):
                log.error("delivery crashed; its lease runs out", queue_id=str(leased.queue_id), exc_info=error)

        task.add_done_callback(ended)

    def _count(self) -> None:
        self._metrics.in_flight.set(len(self._flights))
        self._metrics.lingering.set(self._flights.lingering)

    async def _work(self, flight: Flight) -> None:
        leased, tried = flight.leased, flight.tried
        with bind(trace_id=leased.trace_id, queue_id=str(leased.queue_id), domain=leased.domain):
            started_at, clock = datetime.now(UTC), asyncio.get_running_loop().time
            start = clock()
            try:
                await self._attempt(flight)
            except LeaseLost:
                self._metrics.leases_lost.inc()
                self._note_doubt(tried)
                log.warning("lease lost in the middle of an attempt", in_doubt=tried.in_doubt)
                return
            except asyncio.CancelledError:
                self._note_doubt(tried)
                if not tried.in_doubt:  # what the other host may have is left to the end of the lease
                    await self._give_back(leased)
                raise
            self._note_doubt(tried)
            if tried.wait:
                await self._wait_for_turn(leased, timedelta(seconds=tried.wait))
                return
            duration = clock() - start
            await self._learn(leased, tried)
            self._flights.leave(flight)
            self._start_next(leased.domain)
            self._metrics.attempt_seconds.observe(duration)
            attempt = Attempt(tried.host, tried.address, tried.tls, started_at, duration)
            await self._settle(leased, tried, attempt)

    async def _wait_for_turn(self, leased: Leased, wait: timedelta) -> None:
        """The rule's rate is used up: this one waits untried, and what else its tenant has for the domain with it."""
        try:
            await self._queue.release(leased, *self._hand.give_up_domain(leased.domain), after=wait)
            reply = f"not tried: as many messages a minute as the delivery rule allows have left for {leased.domain}"
            await self._queue.put_off(PutOff(leased.domain, leased.tenant_id, datetime.now(UTC) + wait, reply, "4.4.5"))
        except Refused as refused:
            log.warning("what is over a rate could not be put off", reason=str(refused))

    async def _learn(self, leased: Leased, tried: Tried) -> None:
        """What the attempt says of its destination: how many at a time it bears, or that the rest need not try for a while."""
        if not tried.host:  # nobody was asked
            return
        now, destination = asyncio.get_running_loop().time(), (leased.domain, leased.tenant_id)
        if tried.is_complaint:
            self._pace.complained(leased.domain)
        else:
            self._pace.went_well(leased.domain)
            self._flow.went_well(leased.domain, now)
        if not tried.unreached:
            self._silence.reached(destination)
            return
        seconds = self._silence.unreached(destination, now)
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        await self._give_back(*self._hand.give_up_domain(leased.domain))
        try:
            await self._queue.put_off(PutOff(*destination, until, f"not tried: {leased.domain} could not be reached lately"))
        except Refused as refused:  # then each is tried
            log.warning("what waits for a dead destination cannot be put off", reason=str(refused))

    async def _attempt(self, flight: Flight) -> None:
        """The attempt under its deadline, with the lease kept alive beside it. Raises LeaseLost.

        What an operator asked for is done instead, and whom the tenant does not write to is not tried.
        """
        leased, tried = flight.leased, flight.tried
        for recipient in leased.recipients:
            if recipient.asked:
                tried.decide([recipient], cancelled(told=recipient.asked is Asked.RETURN))
            elif recipient.suppressed:
                tried.decide([recipient], suppressed(recipient.suppressed))
        to_try = tuple(tried.undecided(leased.recipients))
        if not to_try:
            return
        async with Kept(self._queue, leased, self._bounds.lease):
            try:
                async with asyncio.timeout(self._bounds.attempt) as flight.deadline:
                    await self._courier.attempt(replace(leased, recipients=to_try), tried)
            except TimeoutError:
                log.info("attempt cut off", host=tried.host, talks=tried.talks)
                late = deferred("4.4.2", f"{tried.host or leased.domain} took too long")
                tried.decide(tried.undecided(leased.recipients), late)

    def _note_doubt(self, tried: Tried) -> None:
        tried.in_doubt |= any(verdict.in_doubt for verdict in tried.verdicts.values())
        if tried.in_doubt:
            self._metrics.in_doubt.inc()
            log.warning("ended after the final dot: the message may be delivered twice", host=tried.host, address=tried.address)

    async def _settle(self, leased: Leased, tried: Tried, attempt: Attempt) -> None:
        """Write down what came of it; what was sent must not be sent again because the database was away for a moment."""
        now = datetime.now(UTC)
        settlement = settle(
            leased,
            tried.verdicts,
            self._policy,
            reporting_host=self._hostname,
            now=now,
            chance=random.random(),  # noqa: S311 - spreads retries, protects nothing
        )
        patience = asyncio.get_running_loop().time() + SETTLE_PATIENCE
        while True:
            try:
                way = await self._write(leased, settlement, attempt, now)
            except Refused as refused:
                if refused.failure is Failure.CONFLICT:
                    self._metrics.leases_lost.inc()
                    log.warning("lease lost before the outcome was written", reason=str(refused))
                    return
                if asyncio.get_running_loop().time() > patience:
                    log.error("the outcome could not be written; the message will be tried again", reason=str(refused))
                    return
                log.warning("the outcome cannot be written yet", reason=str(refused))
                await asyncio.sleep(DATABASE_PAUSE)
            else:
                break
        self._tell(leased, settlement, attempt, way)

    async def _write(self, leased: Leased, settlement: Settlement, attempt: Attempt, now: datetime) -> Way | None:
        if settlement.report is None:
            await self._queue.settle(leased, settlement.outcomes, attempt)
            return None
        way, delivery = await self._reporter.compose(leased, settlement.report, now)
        try:
            await self._queue.settle(leased, settlement.outcomes, attempt, delivery)
        except Refused as refused:
            if refused.failure in (Failure.CONFLICT, Failure.UNAVAILABLE):
                raise
            log.warning("the report could not be filed", reason=str(refused))  # the sender's mailbox has just gone
            await self._queue.settle(leased, settlement.outcomes, attempt)
            return Way.NOBODY
        return way

    def _tell(self, leased: Leased, settlement: Settlement, attempt: Attempt, way: Way | None) -> None:
        if way:
            self._metrics.reports.labels(way.value).inc()
        for recipient, outcome in zip(leased.recipients, settlement.outcomes, strict=True):
            self._metrics.recipients.labels(outcome.outcome.value).inc()
            if outcome.bounce_class:
                self._metrics.bounces.labels(outcome.bounce_class.value, outcome.outcome.value).inc()
            log.info(
                outcome.outcome.value,
                recipient=recipient.address,
                status=outcome.status,
                reply=outcome.reply,
                bounce_class=outcome.bounce_class,
                host=attempt.host,
                address=attempt.address,
                tls=attempt.tls,
                seconds=round(attempt.duration, 3),
                until=outcome.until.isoformat() if outcome.until else None,
                reported=way.value if way else None,
            )

    async def _give_back(self, *leases: Leased) -> None:
        if not leases:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._queue.release(*leases)
        except (Refused, TimeoutError) as error:
            log.warning("leases could not be given back; they run out", reason=str(error), count=len(leases))
