"""App passwords as JSON. The secret is shown once, in the answer to its creation."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.common import Input, Moment

AppScope = Literal["imap", "pop3", "smtp", "sieve"]
Scopes = Annotated[list[AppScope], Field(min_length=1, max_length=4, description="The protocols that it is for")]


class AppPasswordIn(Input):
    """An app password to make."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        description="What its owner calls it", examples=["Phone"]
    )
    scopes: Scopes = Field(default=["imap", "pop3", "smtp", "sieve"])
    expires_at: Moment | None = Field(default=None, description="When it is refused from; null: never")


class AppPasswordOut(BaseModel):
    """A password that one program logs in with."""

    id: int
    name: str
    scopes: Scopes
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Exact to the hour")


class NewAppPasswordOut(AppPasswordOut):
    """An app password that was just made."""

    password: str = Field(description="Shown now and never again; spaces, hyphens and case do not matter")
