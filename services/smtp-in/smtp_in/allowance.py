"""How many recipients an account, or all of a tenant, may write to in a while, over all replicas (promise S6).

A replica leases tokens in blocks, so that the row which all replicas share is touched once for many messages (promise S1). What
it does not spend in a while it forgets: then a limit is reached a little early, and never late.
"""

import time
from collections.abc import Callable

from mailstead.store.limits import Limits, Rate

HOUR = 3_600.0  # seconds
KEPT_SECONDS = 120.0
ENTRIES = 10_000


class Allowance:
    """`per_hour` 0 is no limit. `burst` is how many may be spent at once: as many as come back in an hour."""

    def __init__(
        self, limits: Limits, scope: str, per_hour: int, *, block: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._scope = scope
        self._rate = Rate(per_hour / HOUR, per_hour)
        self._block = max(1, min(block, per_hour // 10))
        self._clock = clock
        self._held: dict[int, tuple[int, float]] = {}  # tokens, and until when they are ours

    async def spend(self, subject: int) -> bool:
        """Take one token, or say that there is none. Raises Refused(UNAVAILABLE)."""
        if not self._rate.burst:
            return True
        tokens, until = self._held.get(subject, (0, 0.0))
        now = self._clock()
        if tokens < 1 or until < now:
            tokens, until = await self._limits.lease(self._scope, str(subject), self._rate, self._block), now + KEPT_SECONDS
            spent_meanwhile, same = self._held.get(subject, (0, 0.0))
            tokens += spent_meanwhile if same >= now else 0  # another connection of the account has leased, too
        if tokens < 1:
            return False
        if len(self._held) >= ENTRIES:
            self._held.clear()
        self._held[subject] = (tokens - 1, until)
        return True


class Allowances:
    """What one recipient of a submitted message costs: a token of its account, and one of its tenant."""

    def __init__(self, limits: Limits, *, per_account: int, per_tenant: int) -> None:
        self._accounts = Allowance(limits, "recipients:account", per_account, block=20)
        self._tenants = Allowance(limits, "recipients:tenant", per_tenant, block=200)

    async def spend(self, account_id: int, tenant_id: int) -> bool:
        """Whether one more recipient may be written to now."""
        return await self._accounts.spend(account_id) and await self._tenants.spend(tenant_id)
