"""Leaves addresses alone that do not answer: waiting for the dead takes the places of the living. Pure: times are arguments."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MAX_KNOWN = 10_000  # addresses; the one heard of least recently is forgotten first


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """After so many failures in a row an address is left alone: for `first` seconds, and for twice as long after each probe."""

    failures: int = 5
    first: float = 60
    longest: float = 900


@dataclass(slots=True)
class _Failing:
    count: int = 0
    pause: float = 0
    until: float = 0
    probing: bool = False


class Breaker:
    """What this process has lately heard of addresses that fail. Times are of one clock, in seconds."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._failing: OrderedDict[Hashable, _Failing] = OrderedDict()

    def may_try(self, address: Hashable, now: float) -> bool:
        """When a pause is over one attempt is let through as a probe; others wait until it has told, or for another pause."""
        failing = self._failing.get(address)
        if failing is None or failing.count < self._policy.failures:
            return True
        if now < failing.until:
            return False
        failing.until = now + failing.pause
        failing.probing = True
        return True

    def failed(self, address: Hashable, now: float) -> None:
        """No session came about. Attempts that began before the address was given up do not prolong its pause."""
        failing = self._failing.setdefault(address, _Failing())
        self._failing.move_to_end(address)
        if len(self._failing) > MAX_KNOWN:
            self._failing.popitem(last=False)
        failing.count += 1
        if failing.count == self._policy.failures:
            failing.pause = self._policy.first
            failing.until = now + failing.pause
        elif failing.probing:
            failing.probing = False
            failing.pause = min(failing.pause * 2, self._policy.longest)
            failing.until = now + failing.pause

    def worked(self, address: Hashable) -> None:
        """A session came about."""
        self._failing.pop(address, None)
