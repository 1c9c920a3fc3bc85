"""What is under way in this replica, and who among it only waits for a host that does not answer.

An attempt that has no session after a moment lingers: it costs next to nothing, so it takes no place among those that talk, of
which there are few. Those that linger have a bound of their own; beyond it, who has waited longest is given up.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery.attempt import Tried
from mailstead.store.queued import Leased


@dataclass(slots=True, eq=False)
class Flight:
    """One attempt. `deadline` is that of the attempt, once it has begun."""

    leased: Leased
    tried: Tried
    deadline: asyncio.Timeout | None = None

    def give_up(self) -> None:
        """Its time is over now."""
        if self.deadline is not None:
            self.deadline.reschedule(asyncio.get_running_loop().time())


@dataclass(frozen=True, slots=True)
class Places:
    """How many may talk, how many may linger, and after how many seconds without a session an attempt does."""

    talking: int = 100
    lingering: int = 1_000
    patience: float = 5.0


class Flights:
    """All that are under way, each with its task."""

    def __init__(self, places: Places, on_room: Callable[[], None]) -> None:
        """`on_room` is called when one that lingers has left its place to others."""
        self._places = places
        self._on_room = on_room
        self._tasks: dict[asyncio.Task[None], Flight] = {}
        self._lingering: dict[Flight, None] = {}  # oldest first
        self._domains: Tally[str] = Tally()

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        return iter(list(self._tasks))

    @property
    def room(self) -> int:
        """How many more may be started."""
        return max(0, self._places.talking - (len(self._tasks) - len(self._lingering)))

    @property
    def lingering(self) -> int:
        return len(self._lingering)

    @property
    def domains(self) -> Tally[str]:
        """How many of each domain are under way."""
        return self._domains

    def add(self, task: asyncio.Task[None], flight: Flight) -> None:
        self._tasks[task] = flight
        self._domains[flight.leased.domain] += 1
        asyncio.get_running_loop().call_later(self._places.patience, self._look, task)

    def remove(self, task: asyncio.Task[None]) -> None:
        flight = self._tasks.pop(task)
        self._lingering.pop(flight, None)
        self._domains[flight.leased.domain] -= 1
        if not self._domains[flight.leased.domain]:
            del self._domains[flight.leased.domain]

    def _look(self, task: asyncio.Task[None]) -> None:
        """After its patience: does it talk?"""
        flight = self._tasks.get(task)
        if flight is None or flight.tried.talks:
            return
        self._lingering[flight] = None
        self._on_room()
        if len(self._lingering) <= self._places.lingering:
            return
        for waiting in list(self._lingering):
            del self._lingering[waiting]
            if not waiting.tried.talks:
                waiting.give_up()
                return
