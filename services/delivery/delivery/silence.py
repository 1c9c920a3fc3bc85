"""Destinations that cannot be reached: what else waits for them is put off, not tried in vain. Pure: times are arguments."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from delivery.breaker import BreakerPolicy

MAX_KNOWN = 10_000  # destinations; the one heard of least recently is forgotten first


@dataclass(slots=True)
class _Silent:
    pause: float
    until: float


class Silence:
    """What this process has lately heard of destinations none of whose hosts could be reached. Times are of one clock."""

    def __init__(self, policy: BreakerPolicy) -> None:
        """The pauses are those that `policy` gives an address."""
        self._policy = policy
        self._silent: OrderedDict[Hashable, _Silent] = OrderedDict()

    def unreached(self, destination: Hashable, now: float) -> float:
        """For how long to leave it alone from now: twice as long after each pause that did not help."""
        known = self._silent.get(destination)
        if known is None:
            known = self._silent[destination] = _Silent(self._policy.first, now + self._policy.first)
        elif now >= known.until:
            known.pause = min(known.pause * 2, self._policy.longest)
            known.until = now + known.pause
        self._silent.move_to_end(destination)
        if len(self._silent) > MAX_KNOWN:
            self._silent.popitem(last=False)
        return known.until - now

    def reached(self, destination: Hashable) -> None:
        """It answers."""
        self._silent.pop(destination, None)
