"""What there is to know of an account beside its settings, as JSON."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Protocol = Literal["imap", "pop3", "smtp", "sieve", "api"]


class UsageOut(BaseModel):
    """What an account holds, and what it may hold."""

    used_bytes: int
    quota_bytes: int = Field(description="0: unlimited")
    message_count: int
    quota_messages: int = Field(description="0: unlimited")


class MailboxUsageOut(BaseModel):
    """What one mailbox holds."""

    name: str
    message_count: int
    unseen_count: int
    used_bytes: int


class SessionOut(BaseModel):
    """A connection that is logged in."""

    protocol: Protocol
    peer: str = Field(description="The address that it comes from")
    since: datetime
    by: Literal["password", "app password", "token"] = Field(description="What let it in")
    replica: str = Field(description="The replica that it is with")


class LastLoginOut(BaseModel):
    """The last log-in by one protocol."""

    protocol: Protocol
    at: datetime = Field(description="Exact to about ten seconds")
    peer: str = Field(description="The address that it came from")


class IdentityOut(BaseModel):
    """What the account may write as."""

    address: str = Field(description="An address, or `@example.com` for all of a domain")
    source: Literal["address", "alias", "alias domain", "grant"] = Field(description="Why")
