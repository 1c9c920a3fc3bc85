"""Signing keys as JSON."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.common import Input, Patch

Selector = Annotated[
    str,
    StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"),
    Field(description="The name of the key within the domain (RFC 6376 §3.1)", examples=["s2026a"]),
]


class SigningKeyIn(Input):
    """A key to make. Its secret stays here: publish `record`, then activate the key."""

    selector: Selector
    algorithm: Literal["rsa-sha256", "ed25519-sha256"] = Field(
        default="rsa-sha256", description="Have one of each: not every verifier knows Ed25519 (RFC 8463)"
    )


class SigningKeyPatch(Patch):
    """A step of a key's life."""

    state: Literal["published", "active", "retired"] = Field(
        default="active", description="An active key signs; activating one retires the other of its algorithm"
    )


class SigningKeyOut(BaseModel):
    """A key that messages of a domain are signed with (DKIM)."""

    selector: str
    algorithm: Literal["rsa-sha256", "ed25519-sha256"]
    state: Literal["published", "active", "retired"]
    record_name: str = Field(description="Where the domain publishes it")
    record: str = Field(description="The TXT record to publish; keep it for some days after the key is retired")
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
