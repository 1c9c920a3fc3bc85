"""Domains as JSON."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.common import DomainName, Input, Patch

_SCRAM = "Whether keys are kept, beside the hash of each password that is set, by which its owner can log in with SCRAM-SHA-256"


class DomainIn(Input):
    """A domain to create."""

    name: DomainName
    alias_of: DomainName | None = Field(
        default=None, description="The domain whose addresses it has, each under its own name too"
    )


class DomainPatch(Patch):
    """What can be changed of a domain."""

    active: bool = Field(default=True, description="Whether mail for it is accepted and its accounts may log in")
    scram: bool = Field(default=False, description=_SCRAM)


class DomainOut(BaseModel):
    """A domain that mail is accepted for."""

    name: str
    active: bool = Field(description="Whether mail for it is accepted and its accounts may log in")
    scram: bool = Field(description=_SCRAM)
    account_count: int
    alias_of: str | None = Field(description="The domain whose addresses it has")
    created_at: datetime
