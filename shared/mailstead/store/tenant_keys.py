"""Under which key a tenant's content is shared: within the tenant only, and compared on the keyed hash alone (promise S5)."""

import hmac

from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Delivery
from mailstead.store.engine import Connection


class TenantKeys:
    """The HMAC keys under which a tenant's content is shared, read once for each tenant: a key never changes."""

    def __init__(self) -> None:
        self._keys: dict[int, bytes] = {}

    async def load(self, connection: Connection, tenants: set[int]) -> None:
        """Raises Refused(UNAVAILABLE) when a tenant is not there."""
        missing = tenants - self._keys.keys()
        if not missing:
            return
        rows = await connection.fetch("SELECT tenant_id, content_key FROM tenants WHERE tenant_id = ANY($1)", list(missing))
        self._keys.update((row["tenant_id"], row["content_key"]) for row in rows)
        if missing - self._keys.keys():
            raise Refused(Failure.UNAVAILABLE, f"no such tenant: {missing - self._keys.keys()}")

    def hash(self, tenant_id: int, delivery: Delivery) -> bytes:
        """HMAC-SHA-256 of all octets of the content under the tenant's key (promise S5)."""
        mac = hmac.new(self._keys[tenant_id], delivery.content.header, "sha256")
        mac.update(delivery.content.body)
        return mac.digest()
