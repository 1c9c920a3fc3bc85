"""One message's life, as JSON."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Kind = Literal[
    "received",
    "filed",
    "removed",
    "queued",
    "delivered",
    "deferred",
    "failed",
    "held",
    "cancelled",
    "report_filed",
    "report_queued",
]


class JourneyEvent(BaseModel):
    """Something that happened to the message; what does not apply to it is null."""

    at: datetime
    kind: Kind = Field(
        description="`delivered`, `deferred` and `failed` are attempts at other hosts; `held` is told at the time of its queueing"
    )
    account_id: int | None = Field(default=None, description="Whose mailbox, or whose submission")
    sender: str | None = Field(default=None, description="Reverse-path; empty for a report")
    recipient: str | None = None
    mailbox: str | None = None
    uid: int | None = None
    queue_id: UUID | None = None
    host: str | None = None
    host_address: str | None = None
    tls: str | None = Field(default=None, description="Version and cipher suite")
    seconds: float | None = None
    status: str | None = Field(default=None, description="Enhanced status code (RFC 3463)")
    verdicts: str | None = Field(default=None, description="Authentication-Results (RFC 8601), as this server wrote it")
    detail: str | None = Field(
        default=None, description="Received, as this server wrote it; what a host said; who removed it, and how"
    )


class JourneyOut(BaseModel):
    """All that is known of a message, in the order in which it happened."""

    trace_id: str
    message_id: str | None = Field(description="Message-ID; null where it is kept in no mailbox here")
    size: int | None = Field(description="Octets")
    events: list[JourneyEvent]
