"""Rules of how mail leaves: for a tenant or all of them, for a domain or whatever domain. Which one holds is delivery's to say.

`DeliveryRules` is for those who manage them and never shows a password; `load_rules` is what delivery reads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_id
from mailstead.store.engine import Connection, Database

MAX_RULES = 10_000  # each replica of delivery holds them all

Protocol = Literal["smtp", "lmtp"]
Tls = Literal["opportunistic", "encrypted", "verified"]

_COLUMNS = "rule_id, tenant_id, domain, host, port, protocol, tls, username, source, hello, messages_per_minute, created_at"
_LIST = f"SELECT {_COLUMNS} FROM delivery_rules WHERE rule_id > $1 ORDER BY rule_id LIMIT $2"  # noqa: S608 - constants only
_GET = f"SELECT {_COLUMNS} FROM delivery_rules WHERE rule_id = $1"  # noqa: S608 - constants only
_CREATE = f"""
INSERT INTO delivery_rules (rule_id, tenant_id, domain, host, port, protocol, tls, username, password, source, hello,
                            messages_per_minute)
SELECT $1, $2::bigint, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 WHERE (SELECT count(*) FROM delivery_rules) < {MAX_RULES}
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
_REPLACE = f"""
UPDATE delivery_rules
SET tenant_id = $2, domain = $3, host = $4, port = $5, protocol = $6, tls = $7, username = $8, password = $9,
    source = $10, hello = $11, messages_per_minute = $12
WHERE rule_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
_LOAD = """
SELECT tenant_id, domain, host, port, protocol, tls, username, password, source, hello, messages_per_minute
FROM delivery_rules LIMIT $1
"""

FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class SecretRule:
    """A rule with its password. `domain` is in lower case, empty for whatever domain; without `host`, MX records decide."""

    tenant_id: int | None
    domain: str
    host: str | None
    port: int | None
    protocol: Protocol
    tls: Tls
    username: str | None
    password: str | None = field(repr=False)
    source: str | None
    hello: str | None
    messages_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRuleRow:
    """A rule as it is shown."""

    rule_id: UUID
    tenant_id: int | None
    domain: str
    host: str | None
    port: int | None
    protocol: Protocol
    tls: Tls
    username: str | None
    source: str | None
    hello: str | None
    messages_per_minute: int | None
    created_at: datetime


async def load_rules(database: Database) -> list[SecretRule]:
    """All of them, by one statement. Raises Refused(UNAVAILABLE)."""
    return [SecretRule(*row) for row in await database.fetch("delivery rules", _LOAD, MAX_RULES)]


class DeliveryRules:
    """Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, rule: SecretRule) -> DeliveryRuleRow:
        """Raises Refused: NO_SUCH_TENANT, CONFLICT when tenant and domain have a rule, TOO_MANY."""
        try:
            row = await self._database.fetchrow("create delivery rule", _CREATE, new_id(), *_values(rule))
        except Refused as refused:
            raise _explained(rule, refused) from refused
        if row is None:
            raise Refused(Failure.TOO_MANY, f"there are {MAX_RULES} delivery rules")
        return DeliveryRuleRow(*row)

    async def list(self, limit: int, after: UUID = FIRST) -> Sequence[DeliveryRuleRow]:
        """Oldest first; `after` is the last one of the page before."""
        return [DeliveryRuleRow(*row) for row in await self._database.fetch("list delivery rules", _LIST, after, limit)]

    async def get(self, rule_id: UUID) -> DeliveryRuleRow:
        """Raises Refused(NO_SUCH_RULE)."""
        return _one(rule_id, await self._database.fetchrow("get delivery rule", _GET, rule_id))

    async def replace(
        self, rule_id: UUID, rule: SecretRule, expect: Callable[[DeliveryRuleRow], None] | None = None
    ) -> DeliveryRuleRow:
        """All of it anew, the password too; `expect` is called with the rule as it is, locked, and may raise Refused.

        Raises Refused: NO_SUCH_RULE, NO_SUCH_TENANT, CONFLICT when tenant and domain have another rule.
        """

        async def work(connection: Connection) -> DeliveryRuleRow:
            found = _one(rule_id, await connection.fetchrow(f"{_GET} FOR UPDATE", rule_id))
            if expect:
                expect(found)
            return _one(rule_id, await connection.fetchrow(_REPLACE, rule_id, *_values(rule)))

        try:
            return await self._database.transact("replace delivery rule", work)
        except Refused as refused:
            raise _explained(rule, refused) from refused

    async def delete(self, rule_id: UUID, expect: Callable[[DeliveryRuleRow], None] | None = None) -> None:
        """`expect` as in `replace`. Raises Refused(NO_SUCH_RULE)."""

        async def work(connection: Connection) -> None:
            found = _one(rule_id, await connection.fetchrow(f"{_GET} FOR UPDATE", rule_id))
            if expect:
                expect(found)
            await connection.execute("DELETE FROM delivery_rules WHERE rule_id = $1", rule_id)

        await self._database.transact("delete delivery rule", work)


def _values(rule: SecretRule) -> tuple[object, ...]:
    return (
        rule.tenant_id,
        rule.domain,
        rule.host,
        rule.port,
        rule.protocol,
        rule.tls,
        rule.username,
        rule.password,
        rule.source,
        rule.hello,
        rule.messages_per_minute,
    )


def _one(rule_id: UUID, row: asyncpg.Record | None) -> DeliveryRuleRow:
    if row is None:
        raise Refused(Failure.NO_SUCH_RULE, f"no delivery rule {rule_id}")
    return DeliveryRuleRow(*row)


def _explained(rule: SecretRule, refused: Refused) -> Refused:
    match refused.__cause__:
        case asyncpg.UniqueViolationError():
            return Refused(Failure.CONFLICT, f"there is a rule for {rule.domain or 'any domain'} of tenant {rule.tenant_id}")
        case asyncpg.ForeignKeyViolationError():
            return Refused(Failure.NO_SUCH_TENANT, f"no tenant {rule.tenant_id}")
        case _:
            return refused
