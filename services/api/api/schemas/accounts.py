"""Accounts as JSON. A password goes in and never comes out."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from api.schemas.common import AccountAddress, Input, Password, Patch, QuotaBytes, QuotaMessages, SenderAddress, TargetAddress
from mailstead.store.password_hashes import MAX_HASH, is_acceptable
from mailstead.store.schema.directory import MAX_FORWARDS, MAX_SEND_AS


def _comparable(stored: str) -> str:
    if not is_acceptable(stored):
        raise ValueError("no argon2id, bcrypt or SHA-512-crypt hash, or one that costs too much to compare")
    return stored


_FORWARDS = "Addresses that get what comes here; all of them anew"
_KEEPS_COPY = "Whether what is forwarded is kept here too"
_FILES_TAGS = "Whether mail for user+tag goes into the mailbox `tag` where there is one"
_SEND_AS = "What it may write as beside its own addresses and aliases"


PasswordHash = Annotated[
    str,
    StringConstraints(max_length=MAX_HASH),
    AfterValidator(_comparable),
    Field(description="As crypt and PHC strings write it: argon2id, bcrypt or SHA-512-crypt, at a bounded cost"),
]


class AccountIn(Input):
    """An account to create. Its mailboxes INBOX, Archive, Drafts, Junk, Sent and Trash are made with it."""

    address: AccountAddress
    password: Password
    quota_bytes: QuotaBytes = 0
    quota_messages: QuotaMessages = 0


class AccountRow(Input):
    """One account of an import: with a password, or with the hash of one from elsewhere."""

    address: AccountAddress
    password: Password | None = None
    password_hash: PasswordHash | None = None
    quota_bytes: QuotaBytes = 0
    quota_messages: QuotaMessages = 0
    active: bool = True

    @model_validator(mode="after")
    def _one_of_them(self) -> "AccountRow":
        if (self.password is None) == (self.password_hash is None):
            raise ValueError("either password or password_hash is wanted")
        return self


class ImportedAccount(BaseModel):
    """What became of one row."""

    row: int = Field(description="Its number, from 1; the head of a CSV is not counted")
    address: str | None = Field(description="null where the row has none that can be read")
    id: int | None = Field(description="The account that was made; null where it was refused")
    field: str | None = Field(default=None, description="The field for which it was refused; null for the row as a whole")
    detail: str | None = Field(default=None, description="Why it was refused")


class ImportOut(BaseModel):
    """What became of an import."""

    created: int
    refused: int
    rows: list[ImportedAccount] = Field(description="All of them, in their order")


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
    deleted_at: datetime | None = Field(description="When it was deleted; null: it is not")
    erase_at: datetime | None = Field(description="Until when it can be restored")
    created_at: datetime
