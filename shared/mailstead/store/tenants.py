"""Tenants: whose domains are whose. What one holds is never shared with another's."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database

_TENANT = """
SELECT t.tenant_id, t.name, t.active, t.created_at,
       (SELECT count(*) FROM domains d WHERE d.tenant_id = t.tenant_id) AS domains,
       (SELECT count(*) FROM accounts a WHERE a.tenant_id = t.tenant_id) AS accounts
FROM tenants t
"""
_LIST = f"{_TENANT} WHERE tenant_id > $1 AND ($2::bigint IS NULL OR tenant_id = $2) ORDER BY tenant_id LIMIT $3"
_GET = f"{_TENANT} WHERE tenant_id = $1"

_UPDATE = "UPDATE tenants SET name = coalesce($2, name), active = coalesce($3, active) WHERE tenant_id = $1"
# After its row: whoever makes a domain holds that, so none is missed.
_HOLD = "UPDATE domains SET held = $2 WHERE tenant_id = $1 AND held <> $2"
_HAS_OPERATORS = "SELECT EXISTS (SELECT FROM accounts WHERE tenant_id = $1 AND role = 'operator' AND deleted_at IS NULL)"


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant; `domains` and `accounts` count what it has."""

    tenant_id: int
    name: str
    active: bool
    created_at: datetime
    domains: int
    accounts: int


class Tenants:
    """Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str) -> TenantRow:
        """With a content key of its own. Raises Refused(CONFLICT) when the name is taken."""
        sql = """INSERT INTO tenants (name, content_key) VALUES ($1, $2) ON CONFLICT DO NOTHING
                 RETURNING tenant_id, name, active, created_at, 0 AS domains, 0 AS accounts"""
        row = await self._database.fetchrow("create tenant", sql, name, os.urandom(32))
        if row is None:
            raise _taken(name)
        return TenantRow(*row)

    async def list(self, limit: int, after: int = 0, tenant_id: int | None = None) -> Sequence[TenantRow]:
        """In the order of ids; `after` is the last id of the page before. `tenant_id`: only that one."""
        return [TenantRow(*row) for row in await self._database.fetch("list tenants", _LIST, after, tenant_id, limit)]

    async def get(self, tenant_id: int) -> TenantRow:
        """Raises Refused(NO_SUCH_TENANT)."""
        row = await self._database.fetchrow("get tenant", _GET, tenant_id)
        if row is None:
            raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}")
        return TenantRow(*row)

    async def update(self, tenant_id: int, *, name: str | None = None, active: bool | None = None) -> TenantRow:
        """Change what is not None. One that is not active is suspended with all its domains: no mail, nobody logs in.

        Raises Refused: NO_SUCH_TENANT, CONFLICT when the name is taken, IN_USE when operators would be shut out.
        """

        async def work(connection: Connection) -> TenantRow:
            if active is False and await connection.fetchval(_HAS_OPERATORS, tenant_id):
                raise Refused(Failure.IN_USE, f"tenant {tenant_id} has operators")
            await connection.execute(_UPDATE, tenant_id, name, active)
            if active is not None:
                await connection.execute(_HOLD, tenant_id, not active)
            row = await connection.fetchrow(_GET, tenant_id)
            if row is None:
                raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}")
            return TenantRow(*row)

        try:
            return await self._database.transact("update tenant", work)
        except Refused as refused:
            if isinstance(refused.__cause__, asyncpg.UniqueViolationError):
                raise _taken(name or "") from refused
            raise

    async def delete(self, tenant_id: int) -> None:
        """With the API keys that reach no further. Raises Refused: NO_SUCH_TENANT, CONFLICT while it has domains."""

        async def work(connection: Connection) -> None:
            row = await connection.fetchrow(_GET, tenant_id)
            if row is None:
                raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}")
            if row["domains"]:
                raise Refused(Failure.CONFLICT, f"tenant {tenant_id} has {row['domains']} domains")
            await connection.execute("DELETE FROM tenants WHERE tenant_id = $1", tenant_id)

        await self._database.transact("delete tenant", work)


def _taken(name: str) -> Refused:
    return Refused(Failure.CONFLICT, f"tenant {name} exists")
