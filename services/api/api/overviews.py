"""Overviews that are kept for a while: whoever asks how often, each is counted at most twice a minute, and one at a time."""

import asyncio
import time
from collections import OrderedDict

from mailstead.store.engine import Database
from mailstead.store.overview import Overview, count_overview

KEPT_SECONDS = 30
REMEMBERED = 1_000  # tenants


class Overviews:
    """One for all requests of a replica."""

    def __init__(self, database: Database, *, seconds: float = KEPT_SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._kept: OrderedDict[tuple[int, int | None], tuple[float, Overview]] = OrderedDict()
        self._counting = asyncio.Lock()

    async def of(self, hours: int, tenant_id: int | None) -> Overview:
        """Raises Refused(UNAVAILABLE)."""
        async with self._counting:
            until, kept = self._kept.get((hours, tenant_id), (0.0, None))
            if kept is None or until < time.monotonic():
                kept = await count_overview(self._database, hours, tenant_id)
                self._kept[hours, tenant_id] = (time.monotonic() + self._seconds, kept)
                self._kept.move_to_end((hours, tenant_id))
                while len(self._kept) > REMEMBERED:
                    self._kept.popitem(last=False)
            return kept
