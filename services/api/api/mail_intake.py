"""Messages of an import on their way into mailboxes: several at a time, those that are there already passed over."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.deps import Backend
from api.schemas.mail_files import MailImportOut, RefusedItem
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import Flags
from mailstead.model.ids import new_trace_id
from mailstead.store.delivery import Delivery, LocalCopy
from mailstead.store.mailbox_row import Mailbox, check_name
from mailstead.wire.message import Parsed, parse_message

BATCH = 50  # messages that are filed together
BATCH_OCTETS = 8 * 1024 * 1024
MOST_TOLD = 100


@dataclass(frozen=True, slots=True)
class Item:
    """A message to file; `octets` is None for one that is too large. Without `received_at` it comes now."""

    name: str
    mailbox: str
    flags: Flags
    received_at: datetime | None
    octets: bytes | None


class Intake:
    """One import into one account."""

    def __init__(self, backend: Backend, account_id: int, tenant_id: int) -> None:
        self._backend = backend
        self._account_id = account_id
        self._tenant_id = tenant_id
        self._known: dict[str, Mailbox] | None = None  # by their names
        self._waiting: list[Item] = []
        self._octets = 0
        self._out = MailImportOut(filed_count=0, present_count=0, refused_count=0, refused=[], made_mailboxes=[])

    async def take(self, item: Item) -> None:
        """File it, now or with those that follow. Raises Refused: OVER_QUOTA, UNAVAILABLE."""
        if item.octets is None:
            self._refuse(item, "This message is too large.")
            return
        self._waiting.append(item)
        self._octets += len(item.octets)
        if len(self._waiting) >= BATCH or self._octets >= BATCH_OCTETS:
            await self._file()

    async def finish(self) -> MailImportOut:
        """File the last ones. Raises as `take` does."""
        await self._file()
        return self._out

    def _refuse(self, item: Item, detail: str) -> None:
        self._out.refused_count += 1
        if len(self._out.refused) < MOST_TOLD:
            self._out.refused.append(RefusedItem(name=item.name[:200], detail=detail))

    async def _file(self) -> None:
        batch, self._waiting, self._octets = self._waiting, [], 0
        if not batch:
            return
        async with self._backend.uploads:
            parsed = await asyncio.to_thread(lambda: [parse_message(item.octets or b"") for item in batch])
            named = [(item, content, await self._mailbox(item)) for item, content in zip(batch, parsed, strict=True)]
            there = [(item, content, mailbox) for item, content, mailbox in named if mailbox is not None]
            keys = [(mailbox.mailbox_id, content.message_id, _size(content)) for _, content, mailbox in there]
            present = await self._backend.message_view.present(self._account_id, keys)
            self._out.present_count += sum(key in present for key in keys)
            new = [
                (item, content, mailbox.name)
                for (item, content, mailbox), key in zip(there, keys, strict=True)
                if key not in present
            ]
            await self._deliver(new)

    async def _deliver(self, new: Sequence[tuple[Item, Parsed, str]]) -> None:
        deliveries = [
            Delivery(
                new_trace_id(),
                content,
                (LocalCopy(self._account_id, self._tenant_id, mailbox, flags=item.flags, received_at=item.received_at),),
                strict_quota=True,
            )
            for item, content, mailbox in new
        ]
        # All are waited for, so that nothing is filed any more once the answer is sent.
        outcomes = await asyncio.gather(*map(self._backend.ingest.deliver, deliveries), return_exceptions=True)
        for (item, _, _), outcome in zip(new, outcomes, strict=True):
            if isinstance(outcome, Refused) and outcome.failure is Failure.NO_SUCH_MAILBOX:
                self._refuse(item, "Its mailbox was deleted meanwhile.")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                self._out.filed_count += 1

    async def _mailbox(self, item: Item) -> Mailbox | None:
        """Where it belongs, made if it is missing; None where that cannot be, and it is refused."""
        try:
            name = check_name(item.mailbox)
        except Refused:
            self._refuse(item, "No mailbox can have this name.")
            return None
        if self._known is None:
            self._known = {row.name: row for row in await self._backend.mailboxes.list(self._account_id)}
        if name not in self._known:
            self._known[name] = await self._backend.mailboxes.create(self._account_id, name)
            await self._backend.mailboxes.subscribe(self._account_id, name, True)
            if len(self._out.made_mailboxes) < MOST_TOLD:
                self._out.made_mailboxes.append(name)
        return self._known[name]


def _size(content: Parsed) -> int:
    return len(content.header) + len(content.body)
