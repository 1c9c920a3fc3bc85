"""Mailboxes as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.schemas.common import Input, Patch

MailboxName = Annotated[
    str, Field(min_length=1, max_length=1000, description="Levels are separated by `/`; no control characters, no `*` and `%`")
]


class MailboxOut(BaseModel):
    """A mailbox."""

    id: int
    name: str = Field(description="Levels are separated by `/`")
    special_use: str | None = Field(description=r"What it is for (RFC 6154), as `\Sent`")
    subscribed: bool
    message_count: int
    unseen_count: int
    used_bytes: int
    uidvalidity: int
    highest_modseq: int


class MailboxIn(Input):
    """A mailbox to make. Levels above it need not exist."""

    name: MailboxName
    special_use: Literal["\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"] | None = Field(
        default=None, description="What it is for (RFC 6154)"
    )
    subscribed: bool = Field(default=True, description="Whether mail clients show it unasked")


class MailboxPatch(Patch):
    """What is to be changed of a mailbox."""

    name: MailboxName = Field(default="", description="Its new name; what is below it moves along")
    subscribed: bool = Field(default=True, description="Whether mail clients show it unasked")
