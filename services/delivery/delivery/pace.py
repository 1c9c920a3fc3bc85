"""How many attempts a destination gets at a time: few at first, more while it takes them well, fewer when it complains. Pure.

So one that is dead holds two places and not ten, and one that says 421 is asked less often, without a setting for each of them.
"""

from collections import OrderedDict
from dataclasses import dataclass

MAX_KNOWN = 10_000  # domains; the one heard of least recently begins anew


@dataclass(frozen=True, slots=True)
class PacePolicy:
    """Attempts to one domain at a time: at `first`, and at `most`."""

    first: int = 2
    most: int = 10


class Pace:
    """What this process has heard of destinations lately. A domain is `full` at its window."""

    def __init__(self, policy: PacePolicy) -> None:
        self._policy = policy
        self.first = min(policy.first, policy.most)
        """The window of a domain of which nothing is known."""
        self._windows: OrderedDict[str, float] = OrderedDict()

    def window(self, domain: str) -> int:
        """How many attempts may be under way; 1 at least."""
        return int(self._windows.get(domain, self.first))

    def went_well(self, domain: str) -> None:
        """It was reached, and had no complaint: about one more for each round of successes."""
        window = self._windows.get(domain, float(self.first))
        self._keep(domain, min(float(self._policy.most), window + 1 / window))

    def complained(self, domain: str) -> None:
        """It was not reached, or put something off: half as many."""
        self._keep(domain, max(1.0, self.window(domain) / 2))

    def _keep(self, domain: str, window: float) -> None:
        self._windows[domain] = window
        self._windows.move_to_end(domain)
        if len(self._windows) > MAX_KNOWN:
            self._windows.popitem(last=False)
