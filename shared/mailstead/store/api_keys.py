"""Keys for the API: what each may do, and the tenant beyond which it reaches nothing. Only their hashes are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database

_COLUMNS = "api_key_id, name, scopes, tenant_id, created_at, expires_at"
_CREATE = f"""
INSERT INTO api_keys (name, scopes, secret_hash, expires_at, tenant_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
_FIND = f"""
SELECT {_COLUMNS} FROM api_keys k WHERE secret_hash = $1 AND (expires_at IS NULL OR expires_at > now())
AND NOT EXISTS (SELECT FROM tenants t WHERE t.tenant_id = k.tenant_id AND NOT t.active)
"""  # noqa: S608 - constants only
_LIST = f"""
SELECT {_COLUMNS} FROM api_keys WHERE api_key_id > $1 AND ($2::bigint IS NULL OR tenant_id = $2) ORDER BY api_key_id LIMIT $3
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """A key without its secret, which is nowhere. `tenant_id` is all that it reaches; None: everything."""

    api_key_id: int
    name: str
    scopes: tuple[str, ...]
    tenant_id: int | None
    created_at: datetime
    expires_at: datetime | None


class ApiKeys:
    """Each method is one statement. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        secret_hash: bytes,
        expires_at: datetime | None = None,
        tenant_id: int | None = None,
    ) -> ApiKeyRow:
        """Raises Refused: CONFLICT when the name is taken, NO_SUCH_TENANT."""
        try:
            row = await self._database.fetchrow("create API key", _CREATE, name, list(scopes), secret_hash, expires_at, tenant_id)
        except Refused as refused:
            if isinstance(refused.__cause__, asyncpg.ForeignKeyViolationError):
                raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}") from refused
            raise
        if row is None:
            raise Refused(Failure.CONFLICT, f"API key {name} exists")
        return _row(row)

    async def find(self, secret_hash: bytes) -> ApiKeyRow | None:
        """The key with this hash, unless it has expired, or its tenant is suspended."""
        row = await self._database.fetchrow("API key", _FIND, secret_hash)
        return _row(row) if row else None

    async def list(self, limit: int, after: int = 0, tenant_id: int | None = None) -> Sequence[ApiKeyRow]:
        """In the order of ids; `after` is the last id of the page before. `tenant_id`: only those that reach no further."""
        return [_row(row) for row in await self._database.fetch("list API keys", _LIST, after, tenant_id, limit)]

    async def get(self, api_key_id: int) -> ApiKeyRow:
        """Raises Refused(NO_SUCH_KEY)."""
        sql = f"SELECT {_COLUMNS} FROM api_keys WHERE api_key_id = $1"  # noqa: S608 - constants only
        row = await self._database.fetchrow("get API key", sql, api_key_id)
        if row is None:
            raise _no_such_key(api_key_id)
        return _row(row)

    async def delete(self, api_key_id: int) -> None:
        """It is refused from now on. Raises Refused(NO_SUCH_KEY)."""
        if not await self._database.execute("delete API key", "DELETE FROM api_keys WHERE api_key_id = $1", api_key_id):
            raise _no_such_key(api_key_id)


def _no_such_key(api_key_id: int) -> Refused:
    return Refused(Failure.NO_SUCH_KEY, f"no API key {api_key_id}")


def _row(row: asyncpg.Record) -> ApiKeyRow:
    return ApiKeyRow(row["api_key_id"], row["name"], tuple(row["scopes"]), row["tenant_id"], row["created_at"], row["expires_at"])
