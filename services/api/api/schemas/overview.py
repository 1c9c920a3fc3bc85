"""How the mail host fares, as JSON."""

from datetime import datetime

from pydantic import BaseModel, Field


class HourOut(BaseModel):
    """One hour of mail."""

    start: datetime
    filed_count: int = Field(description="Messages that came into mailboxes, those that clients put there too")
    delivered_count: int = Field(description="Of the recipients queued in it for other hosts: those that were reached")
    waiting_count: int = Field(description="Of the same: those that are still tried")
    failed_count: int = Field(description="Of the same: those that were given up")


class QueueSummary(BaseModel):
    """What is to leave, counted by recipient."""

    waiting_count: int
    retried_count: int = Field(description="Of those: how many were tried before, in vain")
    oldest_queued_at: datetime | None = Field(description="Since when the oldest of them waits")


class FullAccountOut(BaseModel):
    """An account that holds nine tenths or more of what it may."""

    id: int
    address: str
    used_bytes: int
    quota_bytes: int


class StorageSummary(BaseModel):
    """What is held."""

    account_count: int
    suspended_count: int = Field(description="Accounts that are suspended")
    message_count: int
    used_bytes: int
    full_accounts: list[FullAccountOut] = Field(description="The fullest ten")


class DomainSummary(BaseModel):
    """The domains."""

    domain_count: int
    suspended_count: int
    suspended: list[str] = Field(description="The first ten of them")


class OverviewOut(BaseModel):
    """How the mail host fares, or one tenant's part of it."""

    as_of: datetime = Field(description="When it was counted: up to half a minute ago")
    hours: list[HourOut] = Field(description="The oldest first; the last one is not over")
    queue: QueueSummary
    storage: StorageSummary
    domains: DomainSummary
