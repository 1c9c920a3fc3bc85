"""Which messages and recipients of the queue are meant: by a list, and by what is done to many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement

from mailstead.store.schema import queue_messages, queue_recipients


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """All that is given has to hold; of the recipient's own fields, of one and the same recipient.

    Addresses are compared as they were given at submission, the domain in lower case.
    """

    tenant_id: int | None = None
    account_id: int | None = None
    trace_id: str | None = None
    sender: str | None = None
    queued_before: datetime | None = None
    queued_after: datetime | None = None
    recipient: str | None = None
    domain: str | None = None
    state: str | None = None
    queue_id: UUID | None = None
    numbers: Sequence[int] = ()

    def of_message(self) -> list[ColumnElement[bool]]:
        """Conditions on `queue_messages`."""
        columns = queue_messages.c
        conditions = [
            column == value
            for column, value in (
                (columns.tenant_id, self.tenant_id),
                (columns.account_id, self.account_id),
                (columns.trace_id, self.trace_id),
                (columns.sender, self.sender),
                (columns.queue_id, self.queue_id),
            )
            if value is not None
        ]
        if self.queued_before is not None:
            conditions.append(columns.queued_at < self.queued_before)
        if self.queued_after is not None:
            conditions.append(columns.queued_at >= self.queued_after)
        return conditions

    def of_recipient(self) -> list[ColumnElement[bool]]:
        """Conditions on `queue_recipients`."""
        columns = queue_recipients.c
        conditions = [
            column == value
            for column, value in ((columns.address, self.recipient), (columns.domain, self.domain), (columns.state, self.state))
            if value is not None
        ]
        if self.numbers:
            conditions.append(columns.number.in_(self.numbers))
        return conditions
