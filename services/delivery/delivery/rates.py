"""How many messages a minute a rule lets leave for a domain, over all replicas: each leases some at a time (S6)."""

from collections import OrderedDict
from math import ceil

from delivery.rules import Rule
from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.limits import Limits, Rate

SCOPE = "delivery"
WAIT = 15.0  # seconds until who has no turn now asks again; as much as may leave meanwhile may leave at once
BLOCKS = 4  # that a replica leases of that
MAX_KNOWN = 10_000  # rules and domains; of the one asked for least recently what was leased is given away

log = get_logger()


class Rates:
    """What this replica may still send."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left: OrderedDict[tuple[int | None, str], int] = OrderedDict()

    async def wait(self, rule: Rule, domain: str) -> float:
        """Seconds until it is worth asking again; 0: one message may leave now, and is counted."""
        if rule.messages_per_minute is None:
            return 0
        key = (rule.tenant_id, domain.lower())
        if not self._left.get(key):
            self._left[key] = self._left.get(key, 0) + await self._lease(key, rule.messages_per_minute)
        self._left.move_to_end(key)
        if len(self._left) > MAX_KNOWN:
            self._left.popitem(last=False)
        if not self._left.get(key):
            return WAIT
        self._left[key] -= 1
        return 0

    async def _lease(self, key: tuple[int | None, str], messages: int) -> int:
        owner, domain = key
        burst = ceil(messages * WAIT / 60)
        rate = Rate(messages / 60, burst)
        try:
            return await self._limits.lease(SCOPE, f"{'' if owner is None else owner} {domain}", rate, ceil(burst / BLOCKS))
        except Refused as refused:
            log.warning("the rate of a destination cannot be read", reason=str(refused))
            return 0
