"""What the world outside is told, by webhooks and by the stream of the API: the types of events, and what each carries.

An event is written in the transaction that makes it true (`store/outbox.py`). Its type, once released, keeps its fields and what
they mean; new ones may come. Octets of mail are never in it.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Outside(BaseModel):
    """One type of event. `at` of the event says when it came true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ClassVar[str]


class MessageReceived(Outside):
    """A message was filed in a mailbox: by mail from outside, from another account here, or by a bounce. Not by IMAP APPEND."""

    type: ClassVar[str] = "message.received"

    account_id: int
    address: str = Field(description="Of the account")
    mailbox_id: int
    uid: int = Field(description="In this mailbox")
    trace_id: str = Field(description="As logs and the journey of the message name it")
    size: int = Field(description="Octets")
    message_id: str = Field(description="As the message says; empty: it does not")
    sender: str = Field(description="Who wrote it, as it says")
    subject: str


class _Queued(Outside):
    """About one recipient on another host."""

    queue_id: UUID
    trace_id: str
    account_id: int | None = Field(description="Who submitted it; null: the house itself, as a bounce")
    sender: str = Field(description="Reverse-path; empty: the null sender")
    recipient: str


class _Settled(_Queued):
    """What became of a recipient."""

    status: str = Field(description="Enhanced status code (RFC 3463)")
    reply: str = Field(description="What the other host said, or why there was none")


class MessageDelivered(_Settled):
    """Another host took responsibility for a recipient."""

    type: ClassVar[str] = "message.delivered"

    attempts: int
    host: str | None


class MessageDeferred(_Settled):
    """An attempt did not come to an end; there will be another."""

    type: ClassVar[str] = "message.deferred"

    attempts: int
    host: str | None


class MessageBounced(_Settled):
    """A recipient was given up: refused for good, expired, or on the suppression list and so not tried."""

    type: ClassVar[str] = "message.bounced"

    attempts: int
    host: str | None
    bounce_class: str | None = Field(description="What the refusal is about, where it could be told")
    suppressed: bool


class MessageCancelled(_Queued):
    """An operator took a recipient out of the queue. If the sender was told, they had a bounce."""

    type: ClassVar[str] = "message.cancelled"


class MessageComplained(Outside):
    """A recipient told their provider that they did not want a message (RFC 5965). They are on the suppression list now."""

    type: ClassVar[str] = "message.complained"

    trace_id: str
    recipient: str
    detail: str


class OfAccount(Outside):
    """What happens to an account."""

    account_id: int
    address: str


class AccountCreated(OfAccount):
    """An account is there, by itself or in an import."""

    type: ClassVar[str] = "account.created"


class AccountUpdated(OfAccount):
    """Something of an account was changed."""

    type: ClassVar[str] = "account.updated"

    active: bool
    changed: list[str] = Field(description="What: `active`, `password`, `quota_bytes`, `forwards` and so on")


class AccountDeleted(OfAccount):
    """An account is deleted: nobody logs in, no mail comes. It can be restored for a while."""

    type: ClassVar[str] = "account.deleted"


class AccountRestored(OfAccount):
    """An account that was deleted is there again, with all it had."""

    type: ClassVar[str] = "account.restored"


class AccountErased(OfAccount):
    """An account is gone for good, with its mail; where it was not deleted before, `account.deleted` is told too."""

    type: ClassVar[str] = "account.erased"


class _Domain(Outside):
    domain_id: int
    name: str


class DomainCreated(_Domain):
    """A domain is there; `active`: it works already."""

    type: ClassVar[str] = "domain.created"

    active: bool


class DomainVerified(_Domain):
    """DNS has shown that the tenant owns a domain: it works from now on."""

    type: ClassVar[str] = "domain.verified"


class DomainDeleted(_Domain):
    """A domain is deleted: no mail for it is taken. It can be restored for a while."""

    type: ClassVar[str] = "domain.deleted"


class DomainRestored(_Domain):
    """A domain that was deleted is there again."""

    type: ClassVar[str] = "domain.restored"


class DomainErased(_Domain):
    """A domain is gone for good; `domain.deleted` was told before."""

    type: ClassVar[str] = "domain.erased"


class WebhookDisabled(Outside):
    """A webhook was turned off since it does not take what it is sent. Others are told."""

    type: ClassVar[str] = "webhook.disabled"

    webhook_id: int
    url: str
    reason: str = Field(description="`gone`: it answered 410; `failing`: it did not succeed once for days")


class WebhookTest(Outside):
    """Somebody tries a webhook. No other webhook is told."""

    type: ClassVar[str] = "webhook.test"

    webhook_id: int


CATALOGUE: tuple[type[Outside], ...] = (
    MessageReceived,
    MessageDelivered,
    MessageDeferred,
    MessageBounced,
    MessageCancelled,
    MessageComplained,
    AccountCreated,
    AccountUpdated,
    AccountDeleted,
    AccountRestored,
    AccountErased,
    DomainCreated,
    DomainVerified,
    DomainDeleted,
    DomainRestored,
    DomainErased,
    WebhookDisabled,
    WebhookTest,
)
TYPES: dict[str, type[Outside]] = {event.type: event for event in CATALOGUE}

EventType = Literal[
    "message.received",
    "message.delivered",
    "message.deferred",
    "message.bounced",
    "message.cancelled",
    "message.complained",
    "account.created",
    "account.updated",
    "account.deleted",
    "account.restored",
    "account.erased",
    "domain.created",
    "domain.verified",
    "domain.deleted",
    "domain.restored",
    "domain.erased",
    "webhook.disabled",
]
"""What a webhook can ask for: all but trials."""
