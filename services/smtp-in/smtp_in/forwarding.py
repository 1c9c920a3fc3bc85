"""Senders of what is forwarded: rewritten on the way out, restored on the way back (`wire.srs`)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from mailstead.model.address import Address
from mailstead.store.directory import Directory
from mailstead.wire import srs
from smtp_in.targets import Placement, Relay

KEYS_SECONDS = 60.0  # a new key signs, and an old one ceases to count, this much later than it was changed
STALE_SECONDS = 5.0  # a key that we lack is looked for again after so long
DAY = 86_400  # seconds


class Forwarding:
    """Knows the keys. Raises Refused(UNAVAILABLE) as the directory does."""

    def __init__(
        self, directory: Directory, *, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._wall_clock = wall_clock
        self._secrets: Sequence[bytes] = ()
        self._until = 0.0

    async def restored(self, address: Address) -> Address | None:
        """The address that one of ours stands for; None for any other address."""
        if not srs.is_rewritten(address.local_part):
            return None
        found = srs.restored(address.local_part, await self._keys(), self._day)
        if found is None and self._clock() > self._until - KEYS_SECONDS + STALE_SECONDS:
            self._until = 0.0  # another replica may have signed with a key that we have not seen yet
            found = srs.restored(address.local_part, await self._keys(), self._day)
        return found

    async def senders_for(self, placements: Sequence[Placement], sender: Address | None) -> tuple[Placement, ...]:
        """`placements` with a sender for each forward to another host (RFC 7208 §11.1 and appendix D.2 say why).

        A sender of ours stays: what leaves from here is in its domain's SPF record anyway; and so does the null sender.
        """
        if sender is None or not any(isinstance(placement, Relay) and placement.via for placement in placements):
            return tuple(placements)
        if await self._directory.local_domain(sender.domain) is not None:
            return tuple(placements)
        newest, *_ = await self._keys()
        return tuple(
            replace(placement, sender=str(srs.rewritten(sender, placement.via.domain, newest, self._day) or placement.via))
            if isinstance(placement, Relay) and placement.via
            else placement
            for placement in placements
        )

    @property
    def _day(self) -> int:
        return int(self._wall_clock()) // DAY

    async def _keys(self) -> Sequence[bytes]:
        if not self._secrets or self._clock() > self._until:
            self._secrets = await self._directory.srs_secrets()
            self._until = self._clock() + KEYS_SECONDS
        return self._secrets
