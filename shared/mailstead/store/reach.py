"""Whose something is: the tenant of what a path names, by one statement each. For who reaches one tenant only."""

from uuid import UUID

from mailstead.store.engine import Database


class Reach:
    """None is nobody's: it is not there. All raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_account(self, account_id: int) -> int | None:
        return await self._tenant("SELECT tenant_id FROM accounts WHERE account_id = $1", account_id)

    async def of_domain(self, name: str) -> int | None:
        return await self._tenant("SELECT tenant_id FROM domains WHERE name = $1", name.lower())

    async def of_address(self, address: str) -> int | None:
        return await self._tenant("SELECT tenant_id FROM addresses WHERE address = $1", address.lower())

    async def of_queued(self, queue_id: UUID) -> int | None:
        return await self._tenant("SELECT tenant_id FROM queue_messages WHERE queue_id = $1", queue_id)

    async def of_suppression(self, suppression_id: int) -> int | None:
        return await self._tenant("SELECT tenant_id FROM suppressions WHERE suppression_id = $1", suppression_id)

    async def of_queue_pause(self, pause_id: int) -> int | None:
        """None for a pause of everybody's mail, too."""
        return await self._tenant("SELECT tenant_id FROM queue_pauses WHERE pause_id = $1 AND ended_at IS NULL", pause_id)

    async def of_api_key(self, api_key_id: int) -> int | None:
        return await self._tenant("SELECT tenant_id FROM api_keys WHERE api_key_id = $1", api_key_id)

    async def of_webhook(self, webhook_id: int) -> int | None:
        """None for one of all tenants, too."""
        return await self._tenant("SELECT tenant_id FROM webhooks WHERE webhook_id = $1", webhook_id)

    async def of_delivery_rule(self, rule_id: UUID) -> int | None:
        return await self._tenant("SELECT tenant_id FROM delivery_rules WHERE rule_id = $1", rule_id)

    async def _tenant(self, sql: str, key: object) -> int | None:
        row = await self._database.fetchrow("tenant of", sql, key)
        return row["tenant_id"] if row else None
