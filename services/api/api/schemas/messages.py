"""Messages, and what was deleted, as JSON."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from api.schemas.common import Id, Input, Moment

MAX_WANTED = 1_000

Uid = Annotated[int, Field(ge=1, le=2**32 - 1)]


class MessageOut(BaseModel):
    """A message in a mailbox."""

    mailbox_id: int
    uid: int
    flags: list[str] = Field(description=r"As IMAP names them: `\Seen`, `\Flagged`, keywords")
    subject: str
    sender: str
    message_id: str
    sent_at: datetime | None = Field(description="By its Date field")
    received_at: datetime
    size: int = Field(description="Octets")
    preview: str = Field(description="The beginning of its text")
    email_id: UUID = Field(description="The same for all copies of it in the account")
    thread_id: UUID
    trace_id: str = Field(description="Of its arrival: what logs and `/v1/messages/{id}/journey` know it by")
    modseq: int


class DeletedMessageOut(BaseModel):
    """A message that can be given back."""

    mailbox_id: int
    mailbox: str | None = Field(description="Where it was; null when that mailbox is gone")
    uid: int
    deleted_at: datetime
    by: str = Field(description="The service that did it")
    reason: str
    subject: str
    sender: str
    received_at: datetime
    size: int = Field(description="Octets")


class WantedMessage(Input):
    """One that was deleted."""

    mailbox_id: Id
    uid: Uid


class RestorationIn(Input):
    """What is to be given back: these messages, or all that was deleted since some time."""

    messages: list[WantedMessage] | None = Field(default=None, min_length=1, max_length=MAX_WANTED)
    since: Moment | None = Field(default=None, description="All that was deleted since then")
    into: str | None = Field(
        default=None, min_length=1, max_length=1000, description="The mailbox to put it in, made when missing; null: where it was"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.messages is None) == (self.since is None):
            raise ValueError("say either which messages, or since when")
        return self


class RestoredMessage(BaseModel):
    """Where it was, and where it is."""

    from_mailbox_id: int
    from_uid: int
    mailbox: str
    uid: int = Field(description="Its new UID: old ones are never used again")


class RestorationOut(BaseModel):
    """What was given back; what was there no more is passed over."""

    count: int
    complete: bool = Field(description="False where there is more to give back than one request does: ask again")
    messages: list[RestoredMessage] = Field(description="The first thousand")
