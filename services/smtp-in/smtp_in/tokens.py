"""Limits that hold over all replicas (promise S6), by tokens that this replica leases in blocks.

So the row that all replicas share is touched once for many messages (promise S1). What a replica does not spend in a while it
forgets: then a limit is reached a little early, and never late.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mailstead.store.limits import Limits, Rate

REMEMBERED = 50_000  # subjects of which this replica holds tokens, or knows that there are none
KEPT_SECONDS = 60.0  # how long a block may be spent
REFUSED_SECONDS = 1.0  # how long a refusal is remembered, so that a flood asks the database once a second


@dataclass(slots=True)
class _Block:
    tokens: int
    until: float


class Tokens:
    """`most` tokens for each subject of a scope in `seconds`, all of which may be spent at once; 0 is no limit."""

    def __init__(
        self,
        limits: Limits,
        scope: str,
        most: int,
        seconds: float,
        *,
        block: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._scope = scope
        self._rate = Rate(most / seconds, most)
        self._block = max(1, min(block, most // 8))
        self._clock = clock
        self._held: OrderedDict[str, _Block] = OrderedDict()

    async def take(self, subject: str) -> bool:
        """Take one token, or say that there is none. Raises Refused(UNAVAILABLE)."""
        if not self._rate.burst:
            return True
        held = self._held.get(subject)
        if held is None or held.until <= self._clock():
            leased = await self._limits.lease(self._scope, subject, self._rate, self._block)
            held = self._keep(subject, leased)
        if not held.tokens:
            return False
        held.tokens -= 1
        if not held.tokens:
            del self._held[subject]  # the next one leases another block
        return True

    def _keep(self, subject: str, leased: int) -> _Block:
        now = self._clock()
        meanwhile = self._held.get(subject)
        if meanwhile is not None and meanwhile.until > now:
            leased += meanwhile.tokens  # another connection has leased, too
        block = self._held[subject] = _Block(leased, now + (KEPT_SECONDS if leased else REFUSED_SECONDS))
        if len(self._held) > REMEMBERED:
            self._held.popitem(last=False)
        return block
