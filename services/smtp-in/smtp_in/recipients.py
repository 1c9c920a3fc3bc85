"""Look-ups of recipients, remembered for about a second: a burst of mail for the same people asks the database once.

Only good news is remembered. An unknown, disabled or full mailbox is looked up each time, so that an account made, enabled or
emptied a moment ago is reachable at once, and no bounce is ever made from an old answer.
"""

import time
from collections.abc import Callable

from mailstead.model.address import Address
from mailstead.store.directory import Directory, DomainRef, Recipient

SECONDS = 1.0
ENTRIES = 20_000


class Recipients:
    """In front of `Directory`. Raises Refused(UNAVAILABLE) as it does."""

    def __init__(self, directory: Directory, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Recipient]] = {}  # until when, who

    async def find(self, address: Address, octets: int) -> Recipient | None:
        """The account behind a local address. `octets`: the message to come, where its size was declared."""
        key = (address.local_part, address.domain)
        found = self._known.get(key)
        if found is not None and found[0] > self._clock() and found[1].has_room_for(octets):
            return found[1]
        recipient = await self._directory.recipient(address)
        if recipient is not None and recipient.active and recipient.has_room_for(octets):
            if len(self._known) >= ENTRIES:
                self._known.clear()
            self._known[key] = (self._clock() + SECONDS, recipient)
        else:
            self._known.pop(key, None)
        return recipient

    async def domain(self, name: str) -> DomainRef | None:
        """The domain if it is ours."""
        return await self._directory.local_domain(name)
