"""Accounts as JSON. A password goes in and never comes out."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.common import AccountAddress, Input, Password, Patch, QuotaBytes


class AccountIn(Input):
    """An account to create. Its mailboxes INBOX, Archive, Drafts, Junk, Sent and Trash are made with it."""

    address: AccountAddress
    password: Password
    quota_bytes: QuotaBytes = 0


class AccountPatch(Patch):
    """What can be changed of an account."""

    password: Password = ""
    quota_bytes: QuotaBytes = 0
    active: bool = Field(default=True, description="Whether it may log in and receive mail")


class AccountOut(BaseModel):
    """An account."""

    id: int
    address: str
    active: bool = Field(description="Whether it may log in and receive mail")
    quota_bytes: int = Field(description="0: unlimited")
    used_bytes: int
    message_count: int
    created_at: datetime
