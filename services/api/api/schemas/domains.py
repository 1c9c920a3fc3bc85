"""Domains as JSON."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.common import DomainName, Input, Patch


class DomainIn(Input):
    """A domain to create."""

    name: DomainName


class DomainPatch(Patch):
    """What can be changed of a domain."""

    active: bool = Field(default=True, description="Whether mail for it is accepted and its accounts may log in")


class DomainOut(BaseModel):
    """A domain that mail is accepted for."""

    name: str
    active: bool = Field(description="Whether mail for it is accepted and its accounts may log in")
    account_count: int
    created_at: datetime
