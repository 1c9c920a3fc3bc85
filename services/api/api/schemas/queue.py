"""What leaves for other hosts, as JSON."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class QueueMessageOut(BaseModel):
    """A message for other hosts."""

    id: UUID
    trace_id: str
    account_id: int | None = Field(description="Whose submission it is; null for the server's own, as bounces")
    sender: str = Field(description="Reverse-path; empty for a bounce")
    size: int = Field(description="Octets")
    queued_at: datetime
    expires_at: datetime
    recipient_count: int
    open_count: int = Field(description="Recipients that it has neither reached nor been given up for")


class AttemptOut(BaseModel):
    """One try to deliver to one recipient."""

    attempt: int
    started_at: datetime
    duration: float = Field(description="Seconds")
    outcome: Literal["delivered", "deferred", "failed"]
    host: str
    address: str
    tls: str | None = Field(description="Version and cipher suite; null in the clear")
    status: str = Field(description="Enhanced status code (RFC 3463)")
    reply: str = Field(description="What the other host said")


class QueueRecipientOut(BaseModel):
    """One recipient of a queued message, with all that was tried."""

    number: int
    address: str
    state: Literal["waiting", "leased", "delivered", "failed"]
    due_at: datetime = Field(description="When it is tried next; of a leased one, when its lease ends")
    settled_at: datetime | None
    status: str | None = Field(description="Enhanced status code of the last attempt (RFC 3463)")
    reply: str | None = Field(description="What the other host said last")
    attempts: list[AttemptOut]


class QueueMessageDetail(QueueMessageOut):
    """A message for other hosts, recipient by recipient."""

    recipients: list[QueueRecipientOut]
