"""What is under way in this replica: who talks to a host, who waits for one to answer, and who among those has done so for long.

Who has no session yet costs next to nothing, so it takes no place among those that talk, of which there are few. Those that wait
have a bound of their own. After a moment they linger, and beyond the bound who has waited longest is given up.
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
    left: bool = False  # its domain: what is left to do is to write down what came of it

    def give_up(self) -> None:
        """Its time is over now."""
        if self.deadline is not None:
            self.deadline.reschedule(asyncio.get_running_loop().time())


@dataclass(frozen=True, slots=True)
class Places:
    """How many may talk, how many may wait for a session, and as many linger; and after how many seconds one does."""

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
        talking = sum(flight.tried.talks for flight in self._tasks.values())
        lingering = sum(not flight.tried.talks for flight in self._lingering)
        opening = len(self._tasks) - talking - lingering
        return max(0, min(self._places.talking - talking, self._places.lingering - opening))

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

    def leave(self, flight: Flight) -> None:
        """Its domain has the place for another."""
        if flight.left:
            return
        flight.left = True
        self._domains[flight.leased.domain] -= 1
        if not self._domains[flight.leased.domain]:
            del self._domains[flight.leased.domain]

    def remove(self, task: asyncio.Task[None]) -> None:
        flight = self._tasks.pop(task)
        self._lingering.pop(flight, None)
        self.leave(flight)

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
