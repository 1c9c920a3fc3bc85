"""How many recipients an account, or all of a tenant, may write to in an hour, over all replicas."""

from mailstead.store.limits import Limits
from smtp_in.tokens import Tokens

HOUR = 3_600.0  # seconds


class Allowances:
    """What one recipient of a submitted message costs: a token of its account, and one of its tenant. 0 is no limit."""

    def __init__(self, limits: Limits, *, per_account: int, per_tenant: int) -> None:
        self._accounts = Tokens(limits, "recipients:account", per_account, HOUR, block=20)
        self._tenants = Tokens(limits, "recipients:tenant", per_tenant, HOUR, block=200)

    async def spend(self, account_id: int, tenant_id: int) -> bool:
        """Whether one more recipient may be written to now. Raises Refused(UNAVAILABLE)."""
        return await self._accounts.take(str(account_id)) and await self._tenants.take(str(tenant_id))
