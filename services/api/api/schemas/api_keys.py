"""API keys as JSON. The secret is shown once, in the answer to its creation."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from api.schemas.common import Id, Input, Moment
from api.schemas.tenants import Label
from api.scopes import Scope

Scopes = Annotated[list[Scope], Field(min_length=1, max_length=len(Scope), description="What it may do")]


class ApiKeyIn(Input):
    """A key to make. It can do no more than who makes it."""

    name: Label
    scopes: Scopes
    tenant_id: Id | None = Field(default=None, description="All that it reaches; null: as far as who makes it")
    expires_at: Moment | None = Field(default=None, description="When it is refused from; null: never")


class ApiKeyOut(BaseModel):
    """A key for this API."""

    id: int
    name: str
    scopes: list[str]
    tenant_id: int | None = Field(description="All that it reaches; null: everything")
    created_at: datetime
    expires_at: datetime | None


class NewApiKeyOut(ApiKeyOut):
    """A key that was just made."""

    key: str = Field(description="Shown now and never again")
