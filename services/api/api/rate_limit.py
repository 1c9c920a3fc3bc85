"""How many requests a caller may send, over all replicas (promise S6): a replica leases a block of tokens and spends it."""

from collections import OrderedDict
from dataclasses import dataclass

from mailstead.model.failure import Failure, Refused
from mailstead.store.limits import Limits, Rate

SCOPE = "api"
BLOCKS = 20  # into which a burst is cut
REMEMBERED = 10_000  # callers


@dataclass(frozen=True, slots=True)
class Allowance:
    """`left`: at least so many more are allowed now."""

    rate: Rate
    left: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit`, as in draft-ietf-httpapi-ratelimit-headers-10."""
        window = max(1, round(self.rate.burst / self.rate.per_second))
        policy = f'"requests";q={self.rate.burst};w={window}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", f'"requests";r={self.left};t=1'.encode())]


class RateLimit:
    """One for all requests of a replica; a rate of 0 is none."""

    def __init__(self, limits: Limits, rate: Rate) -> None:
        self._limits = limits
        self._rate = rate
        self._block = max(1, rate.burst // BLOCKS)
        self._left: OrderedDict[str, int] = OrderedDict()

    async def spend(self, caller: str) -> Allowance | None:
        """One request; None where there is no limit. Raises Refused(TOO_MANY)."""
        if not self._rate.per_second:
            return None
        left = self._left.pop(caller, 0)
        if not left:
            left = await self._limits.lease(SCOPE, caller, self._rate, self._block)
        if not left:
            raise Refused(Failure.TOO_MANY, f"{caller} sends too many requests")
        self._left[caller] = left - 1
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return Allowance(self._rate, left - 1)
