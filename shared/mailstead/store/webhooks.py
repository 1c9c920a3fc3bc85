"""Webhooks as those who manage them see them: where events are sent to. Nobody who manages them can read a secret again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from mailstead.events.outside import WebhookTest
from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_id
from mailstead.store.engine import Connection, Database
from mailstead.store.outbox import HOUSE

MAX_WEBHOOKS = 50  # of one tenant, and of the house
MAX_SECRETS = 5  # good at once: further changes end the oldest at once

DisabledReason = Literal["gone", "failing"]

_COLUMNS = "webhook_id, tenant_id, url, event_types, description, enabled, disabled_reason, failing_since, created_at"
_CREATE = f"""
INSERT INTO webhooks (tenant_id, url, event_types, description, enabled)
SELECT $1::bigint, $2, $3, $4, $5
WHERE (SELECT count(*) FROM webhooks WHERE tenant_id IS NOT DISTINCT FROM $1) < {MAX_WEBHOOKS}
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only
_LIST = f"""
SELECT {_COLUMNS} FROM webhooks WHERE webhook_id > $1 AND ($2::bigint IS NULL OR tenant_id = $2) ORDER BY webhook_id LIMIT $3
"""  # noqa: S608 - constants only
_GET = f"SELECT {_COLUMNS} FROM webhooks WHERE webhook_id = $1"  # noqa: S608 - constants only

# Who turns one on again gives it a new start.
_UPDATE = f"""
UPDATE webhooks SET url = $2, event_types = $3, description = $4, enabled = $5,
       disabled_reason = CASE WHEN NOT $5 THEN disabled_reason END,
       failing_since = CASE WHEN enabled = $5 AND url = $2 THEN failing_since END
WHERE webhook_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608 - constants only

_KEEP = "INSERT INTO webhook_secrets (webhook_id, secret) VALUES ($1, $2)"
_END_SECRETS = """
UPDATE webhook_secrets SET expires_at = least(expires_at, now() + $2::interval) WHERE webhook_id = $1
"""
_FORGET_SECRETS = """
DELETE FROM webhook_secrets WHERE webhook_id = $1 AND (expires_at <= now() OR secret_id NOT IN (
    SELECT secret_id FROM webhook_secrets WHERE webhook_id = $1 ORDER BY secret_id DESC LIMIT $2))
"""

_TRY = """
INSERT INTO outbox (account_id, event_id, tenant_id, type, data, webhook_id)
VALUES ($1, $2, $3, $4, jsonb_build_object('webhook_id', $5::bigint), $5)
"""


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """`tenant_id` None: events of all tenants. No `event_types`: all of them. `failing_since`: it has not succeeded since."""

    webhook_id: int
    tenant_id: int | None
    url: str
    event_types: Sequence[str]
    description: str
    enabled: bool
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is to be changed; None stays."""

    url: str | None = None
    event_types: Sequence[str] | None = None
    description: str | None = None
    enabled: bool | None = None


class Webhooks:
    """Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        tenant_id: int | None,
        url: str,
        event_types: Sequence[str],
        description: str,
        enabled: bool,
        secret: bytes,
    ) -> WebhookRow:
        """It hears what commits from now on. Raises Refused: NO_SUCH_TENANT, TOO_MANY."""

        async def work(connection: Connection) -> WebhookRow:
            row = await connection.fetchrow(_CREATE, tenant_id, url, list(event_types), description, enabled)
            if row is None:
                raise Refused(Failure.TOO_MANY, f"tenant {tenant_id} has {MAX_WEBHOOKS} webhooks")
            await connection.execute(_KEEP, row["webhook_id"], secret)
            return WebhookRow(*row)

        try:
            return await self._database.transact("create webhook", work)
        except Refused as refused:
            if isinstance(refused.__cause__, asyncpg.ForeignKeyViolationError):
                raise Refused(Failure.NO_SUCH_TENANT, f"no tenant {tenant_id}") from refused
            raise

    async def list(self, limit: int, after: int = 0, tenant_id: int | None = None) -> Sequence[WebhookRow]:
        """In the order of ids; `after` is the last id of the page before. `tenant_id`: only its own."""
        return [WebhookRow(*row) for row in await self._database.fetch("list webhooks", _LIST, after, tenant_id, limit)]

    async def get(self, webhook_id: int) -> WebhookRow:
        """Raises Refused(NO_SUCH_ENTRY)."""
        return _one(webhook_id, await self._database.fetchrow("get webhook", _GET, webhook_id))

    async def update(
        self, webhook_id: int, change: WebhookChange, expect: Callable[[WebhookRow], None] | None = None
    ) -> WebhookRow:
        """`expect` is called with the webhook as it is, locked, and may raise Refused. Raises Refused(NO_SUCH_ENTRY)."""

        async def work(connection: Connection) -> WebhookRow:
            known = _one(webhook_id, await connection.fetchrow(f"{_GET} FOR UPDATE", webhook_id))
            if expect:
                expect(known)
            return _one(
                webhook_id,
                await connection.fetchrow(
                    _UPDATE,
                    webhook_id,
                    known.url if change.url is None else change.url,
                    list(known.event_types if change.event_types is None else change.event_types),
                    known.description if change.description is None else change.description,
                    known.enabled if change.enabled is None else change.enabled,
                ),
            )

        return await self._database.transact("update webhook", work)

    async def delete(self, webhook_id: int, expect: Callable[[WebhookRow], None] | None = None) -> None:
        """With what was to be sent to it; `expect` as in `update`. Raises Refused(NO_SUCH_ENTRY)."""

        async def work(connection: Connection) -> None:
            known = _one(webhook_id, await connection.fetchrow(f"{_GET} FOR UPDATE", webhook_id))
            if expect:
                expect(known)
            await connection.execute("DELETE FROM webhooks WHERE webhook_id = $1", webhook_id)

        await self._database.transact("delete webhook", work)

    async def change_secret(self, webhook_id: int, secret: bytes, overlap: timedelta) -> WebhookRow:
        """What is sent is signed with this one too from now on, and with those before it for `overlap` more.

        Raises Refused(NO_SUCH_ENTRY).
        """

        async def work(connection: Connection) -> WebhookRow:
            known = _one(webhook_id, await connection.fetchrow(f"{_GET} FOR UPDATE", webhook_id))
            await connection.execute(_END_SECRETS, webhook_id, overlap)
            await connection.execute(_KEEP, webhook_id, secret)
            await connection.execute(_FORGET_SECRETS, webhook_id, MAX_SECRETS)
            return known

        return await self._database.transact("change the secret of a webhook", work)

    async def test(self, webhook: WebhookRow) -> UUID:
        """An event for this webhook alone is on its way; the event's id."""
        event_id = new_id()
        arguments = (HOUSE, event_id, webhook.tenant_id, WebhookTest.type, webhook.webhook_id)
        await self._database.execute("test webhook", _TRY, *arguments)
        return event_id


def _one(webhook_id: int, row: asyncpg.Record | None) -> WebhookRow:
    if row is None:
        raise Refused(Failure.NO_SUCH_ENTRY, f"no webhook {webhook_id}")
    return WebhookRow(*row)
