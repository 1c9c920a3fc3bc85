"""Look-ups of recipients, remembered for about a second: a burst of mail for the same people asks the database once.

Only good news is remembered. An unknown, disabled or full mailbox is looked up each time, so that an account made, enabled or
emptied a moment ago is reachable at once, and no bounce is ever made from an old answer.
"""

import time
from collections.abc import Callable, Sequence

from mailstead.model.address import Address
from mailstead.store.directory import Alias, Directory, Found, Recipient
from smtp_in.forwarding import Forwarding
from smtp_in.replies import Reply
from smtp_in.resolve import Asker, Resolution, Resolved
from smtp_in.targets import Placement

SECONDS = 1.0
ENTRIES = 20_000


class Recipients:
    """In front of `Directory`. Raises Refused(UNAVAILABLE) as it does."""

    def __init__(self, directory: Directory, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._forwarding = Forwarding(directory, clock=clock)
        self._known: dict[Address, tuple[float, Found]] = {}  # until when, what

    async def resolve(self, address: Address, asker: Asker) -> Resolved | Reply:
        """Where mail for `address` goes: one statement for each level of aliases, one for a plain address."""
        resolution = Resolution(address, asker, await self._forwarding.restored(address))
        while wanted := resolution.wanted:
            resolution.learn(await self._look_up(wanted, asker.size))
        outcome = resolution.outcome()
        if isinstance(outcome, Resolved):
            return Resolved(await self._forwarding.senders_for(outcome.placements, asker.sender), outcome.is_expanded)
        return outcome

    async def resent(self, placements: Sequence[Placement], sender: Address | None) -> tuple[Placement, ...]:
        """`placements` with the senders under which they are handed on."""
        return await self._forwarding.senders_for(placements, sender)

    async def find(self, address: Address) -> Found | None:
        """What stands behind one address; None where its domain is not ours."""
        return (await self._look_up([address], 0))[address]

    async def _look_up(self, addresses: Sequence[Address], octets: int) -> dict[Address, Found | None]:
        now = self._clock()
        found: dict[Address, Found | None] = {
            address: known[1]
            for address in addresses
            if (known := self._known.get(address)) and known[0] > now and _is_good(known[1], octets)
        }
        unknown = [address for address in addresses if address not in found]
        if not unknown:
            return found
        for address, answer in zip(unknown, await self._directory.look_up(unknown), strict=True):
            found[address] = answer
            if answer is not None and _is_good(answer, octets):
                if len(self._known) >= ENTRIES:
                    self._known.clear()
                self._known[address] = (now + SECONDS, answer)
            else:
                self._known.pop(address, None)
        return found


def _is_good(found: Found, octets: int) -> bool:
    """Whether mail of that size is taken for it."""
    match found.behind:
        case Recipient() as recipient:
            return recipient.active and recipient.usage.has_room_for(octets)
        case Alias() as alias:
            return alias.active
        case None:
            return False
