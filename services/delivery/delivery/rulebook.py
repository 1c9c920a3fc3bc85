"""The rules as this replica knows them: read again from time to time, kept while the database is away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from delivery.dialogue import Credentials, Dialogue
from delivery.route import SmartHost
from delivery.rules import Rule, Rules
from delivery.tls_policy import Least
from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.delivery_rules import SecretRule

log = get_logger()


class Rulebook:
    """`last` holds where no other rule does: the smart host of the settings."""

    def __init__(self, load: Callable[[], Awaitable[Sequence[SecretRule]]], last: Rule, *, seconds: float) -> None:
        self._load = load
        self._last = last
        self._seconds = seconds
        self._rules: Rules | None = None
        self._stale_at = 0.0
        self._reading = asyncio.Lock()

    async def of(self, tenant_id: int, domain: str) -> Rule:
        """The rule for a message. Raises Refused(UNAVAILABLE) while no rules have been read yet: mail must not go astray."""
        async with self._reading:
            clock = asyncio.get_running_loop().time
            if self._rules is None or clock() >= self._stale_at:
                try:
                    self._rules = Rules([self._last, *map(_rule, await self._load())])
                except Refused as refused:
                    if self._rules is None:
                        raise
                    log.warning("delivery rules cannot be read, the known ones hold", reason=str(refused))
                self._stale_at = clock() + self._seconds
        return self._rules.of(tenant_id, domain)


def _rule(row: SecretRule) -> Rule:
    return Rule(
        tenant_id=row.tenant_id,
        domain=row.domain,
        smart_host=SmartHost(row.host, row.port) if row.host is not None and row.port is not None else None,
        least=Least(row.tls),
        dialogue=Dialogue(
            lmtp=row.protocol == "lmtp",
            credentials=None if row.username is None else Credentials(row.username, row.password or ""),
            source=row.source,
            hello=row.hello,
        ),
        messages_per_minute=row.messages_per_minute,
    )
