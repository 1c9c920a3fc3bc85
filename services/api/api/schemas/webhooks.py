"""Webhooks and the log of their deliveries, as JSON. A secret is shown once, in the answer that makes it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import Url
from pydantic_core import ValidationError as UrlError

from api.schemas.common import Id, Input, Moment, Patch
from mailstead.events.outside import EventType

MAX_URL = 1000  # characters


def _reachable(url: str) -> str:
    """As it is written: what a receiver is told must be what its owner typed."""
    try:
        parsed = Url(url)
    except (UrlError, ValueError) as error:
        raise ValueError("no URL") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("no URL of HTTP")
    if parsed.username or parsed.password or parsed.fragment is not None:
        raise ValueError("a URL without a name, a password and a fragment")
    return url


WebhookUrl = Annotated[
    str,
    StringConstraints(max_length=MAX_URL, pattern=r"^https?://[\x21-\x7e]+$"),
    AfterValidator(_reachable),
    Field(
        description="Where events are sent to, by POST: HTTPS, at a public address",
        examples=["https://hooks.example.com/mail"],
    ),
]
EventTypes = Annotated[list[EventType], Field(description="Only these types of events; none: all, those of later releases too")]
Description = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"), Field(description="For people")]


class WebhookIn(Input):
    """A webhook to make."""

    url: WebhookUrl
    event_types: EventTypes = Field(default_factory=list)
    description: Description = ""
    enabled: bool = True
    tenant_id: Id | None = Field(
        default=None, description="Whose events; null: of the caller's tenant, or of all where the caller reaches all"
    )


class WebhookPatch(Patch):
    """What changes of a webhook."""

    url: WebhookUrl = ""
    event_types: EventTypes = Field(default_factory=list)
    description: Description = ""
    enabled: bool = True


class WebhookOut(BaseModel):
    """Where events are sent to."""

    id: int
    tenant_id: int | None = Field(description="Whose events; null: those of all tenants")
    url: str
    event_types: list[str] = Field(description="None: all")
    description: str
    enabled: bool
    disabled_reason: Literal["gone", "failing"] | None = Field(
        description="Why it was turned off, if not by hand. `gone`: it answered 410; `failing`: it did not succeed once for days"
    )
    failing_since: datetime | None = Field(description="Since when it has not succeeded; null: it has, or was not tried")
    created_at: datetime


class WebhookSecretOut(BaseModel):
    """What events are signed with."""

    secret: str = Field(description="Shown now and never again", examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class NewWebhookOut(WebhookOut, WebhookSecretOut):
    """A webhook that was just made."""


class TriedOut(BaseModel):
    """The event that a webhook is tried with."""

    event_id: UUID = Field(description="Look for it among the deliveries of the webhook")


class DeliveryOut(BaseModel):
    """One event on its way to one webhook. `status` and `error` are those of the last attempt."""

    event_id: UUID
    event_type: str
    event_at: datetime
    state: Literal["pending", "delivered", "failed"] = Field(description="`failed`: given up")
    attempts: int
    due_at: datetime | None = Field(description="When it is tried next")
    settled_at: datetime | None
    status: int | None
    error: str | None


class RecoveryIn(Input):
    """What is to be sent again."""

    since: Moment = Field(description="Events that came true since then and were given up")


class RecoveryOut(BaseModel):
    """What is sent again."""

    event_count: int = Field(description="Where it is 10,000 there may be more: ask again")


class AttemptOut(BaseModel):
    """One attempt."""

    attempt: int
    started_at: datetime
    seconds: float = Field(description="How long it took")
    status: int | None = Field(description="Of the answer; null: there was none")
    error: str | None = Field(description="Why it did not succeed; null: it did")


class DeliveryDetailOut(DeliveryOut):
    """With its attempts."""

    log: list[AttemptOut] = Field(description="The last 50, newest first")
