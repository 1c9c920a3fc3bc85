"""What leaves for other hosts, as JSON."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.schemas.common import Id, Input, Moment
from mailstead.model.address import MAX_DOMAIN
from mailstead.model.bounce import BounceClass
from mailstead.store.queue_control import Action

_PRINTABLE = r"^[^\x00-\x20\x7f]*$"

AnyAddress = Annotated[
    str,
    StringConstraints(max_length=1000, pattern=_PRINTABLE),
    Field(description="As it was given", examples=["bob@example.net"]),
]
QueuedDomain = Annotated[
    str,
    StringConstraints(to_lower=True, min_length=1, max_length=MAX_DOMAIN, pattern=_PRINTABLE),
    Field(description="A domain, or an address literal in brackets", examples=["example.net"]),
]
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$"), Field(examples=["0190a1b2c3d47e5f8a9b0c1d2e3f4a5b"])]

State = Literal["waiting", "held", "leased", "delivered", "failed", "cancelled"]
"""`leased`: a worker has it now."""


class QueueMessageOut(BaseModel):
    """A message for other hosts."""

    id: UUID
    trace_id: str
    tenant_id: int
    account_id: int | None = Field(description="Whose submission it is; null for the server's own, as bounces")
    sender: str = Field(description="Reverse-path; empty for a bounce")
    size: int = Field(description="Octets")
    queued_at: datetime
    expires_at: datetime
    recipient_count: int
    open_count: int = Field(description="Recipients that it has neither reached nor been given up for")
    held_count: int = Field(description="Of those, how many wait until they are released")
    due_at: datetime | None = Field(description="When it is tried next; null: nobody waits for that")


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
    bounce_class: BounceClass | None = Field(description="What a refusal is about; null: delivered")


class QueueRecipientOut(BaseModel):
    """One recipient of a queued message, with all that was tried."""

    number: int
    address: str
    state: State
    asked: Literal["hold", "cancel", "return"] | None = Field(
        description="What becomes of it as soon as it is not being tried any more, unless it is delivered or refused now"
    )
    pause_id: int | None = Field(description="The pause that holds it; null: held by hand, or not at all")
    due_at: datetime = Field(description="When it is tried next; of a leased one, when its lease ends")
    settled_at: datetime | None
    status: str | None = Field(description="Enhanced status code of the last attempt (RFC 3463)")
    reply: str | None = Field(description="What the other host said last")
    attempts: list[AttemptOut]


class QueueMessageDetail(QueueMessageOut):
    """A message for other hosts, recipient by recipient."""

    recipients: list[QueueRecipientOut]


def _something_is_meant(schema: dict[str, Any]) -> None:
    schema["minProperties"] = 1


class QueueSelection(Input):
    """Recipients of the queue of whom all that is given holds: something has to be given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_something_is_meant)

    tenant_id: Id | None = Field(default=None, description="Of this tenant's messages")
    account_id: Id | None = Field(default=None, description="Of this account's submissions")
    trace_id: TraceId | None = None
    sender: AnyAddress | None = Field(default=None, description="The reverse-path; empty: of reports")
    recipient: AnyAddress | None = None
    domain: QueuedDomain | None = None
    state: Literal["waiting", "held", "leased"] | None = None
    queued_before: Moment | None = None
    queued_after: Moment | None = None

    @model_validator(mode="after")
    def _not_everything(self) -> "QueueSelection":
        if all(value is None for value in self.model_dump().values()):
            raise ValueError("say which recipients are meant")
        return self


class QueueActionIn(Input):
    """What to do to one message's recipients."""

    action: Action = Field(
        description="`hold` until it is released; `release`; `retry` now; `cancel`; `return`: cancel, and report to the sender"
    )
    recipients: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = Field(
        default=[], max_length=1000, description="Their numbers; none: all of them"
    )


class QueueBulkActionIn(Input):
    """What to do to many recipients at once."""

    action: Action = Field(description="As for one message")
    of: QueueSelection


class QueueActionOut(BaseModel):
    """What was done. Recipients whom the action is not for, as those that were delivered, are not counted."""

    action: Action
    recipient_count: int = Field(description="Recipients for whom it was done")
    under_way_count: int = Field(
        description="Of those, how many are being tried now: it is done when that ends, unless they are delivered or refused"
    )
    next_cursor: str | None = Field(default=None, description="There are more: ask again with it as `cursor`; null at the end")


class QueuePauseIn(Input):
    """What is to wait: mail for a domain, of a tenant, or of a tenant for a domain."""

    domain: QueuedDomain | None = Field(default=None, description="Mail for this domain; null: for all")
    tenant_id: Id | None = Field(default=None, description="Mail of this tenant; null: of the caller's, or of everybody")
    reason: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        default="", description="For who reads the list"
    )


class QueuePauseOut(BaseModel):
    """Mail that waits until the pause is ended."""

    id: int
    tenant_id: int | None = Field(description="Whose mail; null: everybody's")
    domain: str | None = Field(description="Mail for this domain; null: for all")
    reason: str
    created_at: datetime
    held_count: int = Field(description="Recipients that it holds")
