"""Who may be named as author of a submitted message: the account itself, and what it was granted (RFC 6409 §6.1, §8.1)."""

from collections.abc import Iterator
from datetime import datetime

from mailstead.model.address import Address
from mailstead.store.directory import Directory
from mailstead.wire.addresses import parse_addresses
from mailstead.wire.headers import fields, unfold
from mailstead.wire.message import Parsed
from smtp_in import replies
from smtp_in.arrival import Arrival, TurnedAway

MAX_AUTHORS = 10  # of one message, each of which may take a look-up
_FIELDS = (b"from", b"sender")


class Authorship:
    """A planner (`arrival.Planner`) that changes nothing. Raises TurnedAway, or Refused(UNAVAILABLE) as the directory does."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def __call__(self, arrival: Arrival, content: Parsed, now: datetime) -> Arrival:
        """Every field counts, not only the first: readers differ in which of several they show."""
        account = arrival.account
        if account is None:
            return arrival
        named = set(_named(content.header))
        if not named or None in named or len(named) > MAX_AUTHORS:
            raise TurnedAway(replies.AUTHOR_NOT_OWNED)
        known = {account.address, arrival.transaction.sender.path}  # MAIL was held to the same rule
        for address in named:
            if address is None or str(address) in known or address.key in known:
                continue
            if not await self._directory.may_send_as(account.account_id, address):
                raise TurnedAway(replies.AUTHOR_NOT_OWNED)
        return arrival


def _named(header: bytes) -> Iterator[Address | None]:
    """All authors and senders; None for what is no address."""
    for field in fields(header):
        if field.name.lower() in _FIELDS:
            for found in parse_addresses(unfold(field.value)):
                if found.mailbox is not None and found.host is not None:  # neither the name nor the end of a group
                    yield _address(found.mailbox, found.host)


def _address(mailbox: bytes, host: bytes) -> Address | None:
    try:
        return Address.parse(f"{mailbox.decode()}@{host.decode()}")
    except ValueError:
        return None
