"""Tenants as JSON."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.common import Input

Label = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"), Field(description="What people call it")
]


class TenantIn(Input):
    """A tenant to create, or its new name."""

    name: Label


class TenantOut(BaseModel):
    """Whose domains are whose: what one tenant holds is never shown to another's callers."""

    id: int
    name: str
    domain_count: int
    account_count: int
    created_at: datetime
