"""Keys that a domain's messages are signed with: published first, then active, at last retired, so that nobody misses one.

`SigningKeys` is for those who manage them; `active_keys` is what delivery reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database
from mailstead.wire.dkim import Algorithm

MAX_KEYS = 20  # of one domain

_COLUMNS = "selector, algorithm, record, state, created_at, activated_at, retired_at"
_LIST = f"""
SELECT {_COLUMNS} FROM signing_keys WHERE domain_id = (SELECT domain_id FROM domains WHERE name = $1)
ORDER BY created_at, selector
"""  # noqa: S608 - constants only
_ACTIVE = """
SELECT k.selector, k.algorithm, k.private_key FROM signing_keys k JOIN domains d USING (domain_id)
WHERE d.name = $1 AND d.tenant_id = $2 AND k.state = 'active' ORDER BY k.algorithm
"""


class KeyState(Enum):
    """`PUBLISHED`: known, nothing is signed with it yet. `RETIRED`: its record can go once old mail has arrived."""

    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """A key without its secret; `record` is what the domain publishes at `selector._domainkey`."""

    selector: str
    algorithm: Algorithm
    record: str
    state: KeyState
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """What signing takes."""

    selector: str
    algorithm: Algorithm
    private_key: bytes = field(repr=False)  # PKCS #8, DER


async def active_keys(database: Database, tenant_id: int, domain: str) -> list[ActiveKey]:
    """Those of a domain of this tenant, by one statement. Raises Refused(UNAVAILABLE)."""
    rows = await database.fetch("signing keys", _ACTIVE, domain, tenant_id)
    return [ActiveKey(row["selector"], Algorithm(row["algorithm"]), row["private_key"]) for row in rows]


class SigningKeys:
    """Each method is one transaction. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, domain: str) -> Sequence[SigningKeyRow]:
        """Oldest first. Raises Refused(NO_SUCH_DOMAIN)."""
        rows = await self._database.fetch("list signing keys", _LIST, domain)
        if not rows:
            async with self._database.connection("domain") as connection:
                await _domain_id(connection, domain)
        return [_row(*row) for row in rows]

    async def create(self, domain: str, selector: str, algorithm: Algorithm, private_key: bytes, record: str) -> SigningKeyRow:
        """A published key. Raises Refused: NO_SUCH_DOMAIN, CONFLICT when the selector is taken, TOO_MANY."""

        async def work(connection: Connection) -> SigningKeyRow:
            domain_id = await _domain_id(connection, domain)
            if await connection.fetchval("SELECT count(*) FROM signing_keys WHERE domain_id = $1", domain_id) >= MAX_KEYS:
                raise Refused(Failure.TOO_MANY, f"{domain} has {MAX_KEYS} signing keys")
            row = await connection.fetchrow(
                f"""INSERT INTO signing_keys (domain_id, selector, algorithm, private_key, record) VALUES ($1, $2, $3, $4, $5)
                    ON CONFLICT DO NOTHING RETURNING {_COLUMNS}""",  # noqa: S608 - constants only
                domain_id,
                selector,
                algorithm.value,
                private_key,
                record,
            )
            if row is None:
                raise Refused(Failure.CONFLICT, f"selector {selector} is taken")
            return _row(*row)

        return await self._database.transact("create signing key", work)

    async def change_state(self, domain: str, selector: str, state: KeyState) -> SigningKeyRow:
        """Activating a key retires the one of its kind that was active. Raises Refused: NO_SUCH_DOMAIN, NO_SUCH_KEY."""

        async def work(connection: Connection) -> SigningKeyRow:
            domain_id = await _domain_id(connection, domain)
            algorithm = await connection.fetchval(
                "SELECT algorithm FROM signing_keys WHERE domain_id = $1 AND selector = $2 FOR UPDATE", domain_id, selector
            )
            if algorithm is None:
                raise Refused(Failure.NO_SUCH_KEY, f"{domain} has no signing key {selector}")
            if state is KeyState.ACTIVE:
                await connection.execute(
                    """UPDATE signing_keys SET state = 'retired', retired_at = now()
                       WHERE domain_id = $1 AND algorithm = $2 AND state = 'active' AND selector <> $3""",
                    domain_id,
                    algorithm,
                    selector,
                )
            row = await connection.fetchrow(
                f"""UPDATE signing_keys SET state = $3,
                    activated_at = CASE WHEN $3 = 'active' THEN coalesce(activated_at, now()) ELSE activated_at END,
                    retired_at = CASE WHEN $3 = 'retired' THEN coalesce(retired_at, now()) END
                    WHERE domain_id = $1 AND selector = $2 RETURNING {_COLUMNS}""",  # noqa: S608 - constants only
                domain_id,
                selector,
                state.value,
            )
            assert row is not None
            return _row(*row)

        return await self._database.transact("change signing key", work)

    async def delete(self, domain: str, selector: str) -> None:
        """Raises Refused: NO_SUCH_DOMAIN, NO_SUCH_KEY, CONFLICT while it is active."""

        async def work(connection: Connection) -> None:
            domain_id = await _domain_id(connection, domain)
            state = await connection.fetchval(
                "DELETE FROM signing_keys WHERE domain_id = $1 AND selector = $2 RETURNING state", domain_id, selector
            )
            if state is None:
                raise Refused(Failure.NO_SUCH_KEY, f"{domain} has no signing key {selector}")
            if state == KeyState.ACTIVE.value:
                raise Refused(Failure.CONFLICT, f"signing key {selector} is active")

        await self._database.transact("delete signing key", work)


async def _domain_id(connection: Connection, domain: str) -> int:
    found: int | None = await connection.fetchval("SELECT domain_id FROM domains WHERE name = $1", domain)
    if found is None:
        raise Refused(Failure.NO_SUCH_DOMAIN, f"no domain {domain}")
    return found


def _row(
    selector: str,
    algorithm: str,
    record: str,
    state: str,
    created_at: datetime,
    activated_at: datetime | None,
    retired_at: datetime | None,
) -> SigningKeyRow:
    return SigningKeyRow(selector, Algorithm(algorithm), record, KeyState(state), created_at, activated_at, retired_at)
