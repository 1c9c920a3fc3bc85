"""Delivery rules as JSON. A password goes in and never comes out."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, IPvAnyAddress, StringConstraints, model_validator

from api.schemas.common import DomainName, Id, Input
from mailstead.model.address import MAX_DOMAIN

_NAME = r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*"


Destination = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=MAX_DOMAIN, pattern=rf"^(?:\.?{_NAME})?$"),
    Field(
        description="Mail for which domain: `example.org`, `.example.org` for all domains below it, or empty for whatever domain",
        examples=["example.org"],
    ),
]
Host = Annotated[
    str,
    StringConstraints(to_lower=True, min_length=1, max_length=255, pattern=rf"^(?:{_NAME}|[0-9a-fA-F:.]+)$"),
    Field(description="The host that takes the mail, by name or address; null: those that MX records name"),
]
Protocol = Literal["smtp", "lmtp"]
Tls = Literal["opportunistic", "encrypted", "verified"]
_TLS = "What the host has to offer at least: nothing, any encryption, or a certificate that is its own"


class DeliveryRuleIn(Input):
    """How mail of a tenant, or of all, for a domain, or for all, leaves."""

    tenant_id: Id | None = Field(default=None, description="Whose mail; null: everybody's")
    domain: Destination
    host: Host | None = None
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Of the host; null: 25, or 24 by LMTP, or 587 with a username"
    )
    protocol: Protocol = "smtp"
    tls: Tls = Field(default="opportunistic", description=_TLS)
    username: str | None = Field(
        default=None, min_length=1, max_length=255, description="As whom to log in; needs a password and TLS"
    )
    password: str | None = Field(default=None, min_length=1, max_length=1000, json_schema_extra={"writeOnly": True})
    source: IPvAnyAddress | None = Field(
        default=None, description="The address of ours that connects; null: as the system chooses"
    )
    hello: DomainName | None = Field(default=None, description="The name of that address, as EHLO says it; null: the service's")

    messages_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="How many messages leave for one domain at most, over all replicas; null: as many as it takes",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.host is None and (self.port is not None or self.protocol == "lmtp" or self.username is not None):
            raise ValueError("port, LMTP and username are about a host: name it")
        if (self.username is None) != (self.password is None):
            raise ValueError("a username needs a password, and a password a username")
        if self.username is not None and self.tls == "opportunistic":
            raise ValueError("a password is sent by TLS alone: ask for tls encrypted or verified")
        return self


class DeliveryRuleOut(BaseModel):
    """A rule of how mail leaves."""

    id: UUID
    tenant_id: int | None
    domain: str
    host: str | None
    port: int | None
    protocol: Protocol
    tls: Tls
    username: str | None
    source: str | None
    hello: str | None
    messages_per_minute: int | None
    created_at: datetime
