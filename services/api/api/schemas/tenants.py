"""Tenants as JSON."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.common import Input, Patch

Label = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"), Field(description="What people call it")
]


_ACTIVE = "Whether its domains work; suspended, no mail for them is taken, nobody logs in, and its API keys are refused"


class TenantIn(Input):
    """A tenant to create."""

    name: Label


class TenantPatch(Patch):
    """What can be changed of a tenant."""

    name: Label = ""
    active: bool = Field(default=True, description=_ACTIVE)


class TenantOut(BaseModel):
    """Whose domains are whose: what one tenant holds is never shown to another's callers."""

    id: int
    name: str
    active: bool = Field(description=_ACTIVE)
    domain_count: int
    account_count: int
    created_at: datetime
