"""Domains as JSON."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.common import DomainName, Id, Input, Patch

_SCRAM = "Whether keys are kept, beside the hash of each password that is set, by which its owner can log in with SCRAM-SHA-256"
MAX_SCORE = 10_000
JUNK_SCORE = "Spam score from which a message is filed in Junk; 0: as the service is configured"
MAX_ACCOUNTS = "Accounts that it may have; 0: no limit"
RETENTION_DAYS = "Days for which its deleted messages can be given back; 0: as the service is configured"
REJECT_SCORE = "Spam score from which a message is refused; 0: as the service is configured"


class DomainIn(Input):
    """A domain to create."""

    name: DomainName
    alias_of: DomainName | None = Field(
        default=None, description="The domain whose addresses it has, each under its own name too"
    )
    tenant_id: Id | None = Field(default=None, description="Whose it is; null: the caller's tenant, or the default one")


class DomainPatch(Patch):
    """What can be changed of a domain."""

    active: bool = Field(default=True, description="Whether mail for it is accepted and its accounts may log in")
    scram: bool = Field(default=False, description=_SCRAM)
    junk_score: float = Field(default=0, ge=0, le=MAX_SCORE, description=JUNK_SCORE)
    reject_score: float = Field(default=0, ge=0, le=MAX_SCORE, description=REJECT_SCORE)
    max_accounts: int = Field(default=0, ge=0, le=2**31 - 1, description=MAX_ACCOUNTS)
    retention_days: int = Field(default=0, ge=0, le=36_500, description=RETENTION_DAYS)


class DomainOut(BaseModel):
    """A domain that mail is accepted for."""

    name: str
    tenant_id: int
    active: bool = Field(description="Whether mail for it is accepted and its accounts may log in")
    held: bool = Field(description="Whether its tenant is suspended: then it does not work even while it is active")
    scram: bool = Field(description=_SCRAM)
    junk_score: float = Field(description=JUNK_SCORE)
    reject_score: float = Field(description=REJECT_SCORE)
    max_accounts: int = Field(description=MAX_ACCOUNTS)
    retention_days: int = Field(description=RETENTION_DAYS)
    account_count: int
    alias_of: str | None = Field(description="The domain whose addresses it has")
    verified_at: datetime | None = Field(description="When DNS showed that it is its tenant's")
    deleted_at: datetime | None = Field(description="When it was deleted; null: it is not")
    erase_at: datetime | None = Field(description="Until when it can be restored")
    created_at: datetime
