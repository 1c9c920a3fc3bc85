"""Accounts as JSON. A password goes in and never comes out."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.common import AccountAddress, Input, Password, Patch, QuotaBytes, QuotaMessages, SenderAddress, TargetAddress
from mailstead.store.schema.directory import MAX_FORWARDS, MAX_SEND_AS

_FORWARDS = "Addresses that get what comes here; all of them anew"
_KEEPS_COPY = "Whether what is forwarded is kept here too"
_FILES_TAGS = "Whether mail for user+tag goes into the mailbox `tag` where there is one"
_SEND_AS = "What it may write as beside its own addresses and aliases"


class AccountIn(Input):
    """An account to create. Its mailboxes INBOX, Archive, Drafts, Junk, Sent and Trash are made with it."""

    address: AccountAddress
    password: Password
    quota_bytes: QuotaBytes = 0
    quota_messages: QuotaMessages = 0


class AccountPatch(Patch):
    """What can be changed of an account."""

    password: Password = ""
    quota_bytes: QuotaBytes = 0
    quota_messages: QuotaMessages = 0
    active: bool = Field(default=True, description="Whether it may log in and receive mail")
    forwards: list[TargetAddress] = Field(default=[], max_length=MAX_FORWARDS, description=_FORWARDS)
    keeps_copy: bool = Field(default=True, description=_KEEPS_COPY)
    files_tags: bool = Field(default=False, description=_FILES_TAGS)
    send_as: list[SenderAddress] = Field(default=[], max_length=MAX_SEND_AS, description=_SEND_AS)


class AccountOut(BaseModel):
    """An account."""

    id: int
    address: str
    tenant_id: int
    active: bool = Field(description="Whether it may log in and receive mail")
    quota_bytes: int = Field(description="0: unlimited")
    quota_messages: int = Field(description="0: unlimited")
    used_bytes: int
    forwards: list[str] = Field(description=_FORWARDS)
    keeps_copy: bool = Field(description=_KEEPS_COPY)
    files_tags: bool = Field(description=_FILES_TAGS)
    send_as: list[str] = Field(description=_SEND_AS)
    message_count: int
    created_at: datetime
