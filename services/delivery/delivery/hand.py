"""Leases that wait in this replica for a place at their destination, so that one that becomes free is taken without a claim.

Only a destination that takes many in a moment has some in hand: as many as it took in the last one.
"""

from collections import Counter as Tally
from collections import defaultdict, deque
from collections.abc import Iterable

from mailstead.store.queued import Leased

SPAN = 0.4  # seconds over which, and over twice as many at most, is counted what a destination takes
MOST_AHEAD = 200  # leases of one destination


class Flow:
    """How many attempts at each domain ended well lately. Pure: times are arguments, in seconds of one clock."""

    def __init__(self) -> None:
        self._ends = 0.0
        self._now: Tally[str] = Tally()
        self._before: Tally[str] = Tally()

    def went_well(self, domain: str, now: float) -> None:
        self._turn(now)
        self._now[domain] += 1

    def ahead(self, domain: str, now: float) -> int:
        """How many it is likely to take in the next moment; so what it has in hand doubles until that is enough."""
        self._turn(now)
        return min(self._before[domain] + self._now[domain], MOST_AHEAD)

    def domains(self, now: float) -> set[str]:
        """Those that have taken something."""
        self._turn(now)
        return self._before.keys() | self._now.keys()

    def _turn(self, now: float) -> None:
        if now < self._ends:
            return
        self._before = self._now if now < self._ends + SPAN else Tally()
        self._now = Tally()
        self._ends = now + SPAN


class Hand:
    """By domain, who came first goes first."""

    def __init__(self) -> None:
        self._held: defaultdict[str, deque[tuple[float, Leased]]] = defaultdict(deque)

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    @property
    def domains(self) -> dict[str, int]:
        """How many of each."""
        return {domain: len(held) for domain, held in self._held.items()}

    def add(self, leased: Leased, now: float) -> None:
        self._held[leased.domain].append((now, leased))

    def take(self, domain: str) -> Leased | None:
        """The next one of a domain; the caller's from now on."""
        held = self._held.get(domain)
        if not held:
            return None
        _, leased = held.popleft()
        self._tidy([domain])
        return leased

    def give_up(self, since: float) -> list[Leased]:
        """Those in hand since then or longer: the caller's from now on."""
        given: list[Leased] = []
        for held in self._held.values():
            while held and held[0][0] <= since:
                given.append(held.popleft()[1])
        self._tidy(list(self._held))
        return given

    def give_up_domain(self, domain: str) -> list[Leased]:
        """All of one domain."""
        return [leased for _, leased in self._held.pop(domain, ())]

    def _tidy(self, domains: Iterable[str]) -> None:
        for domain in domains:
            if not self._held[domain]:
                del self._held[domain]
