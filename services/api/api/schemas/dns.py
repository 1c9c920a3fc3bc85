"""What a domain publishes, as JSON."""

from typing import Literal

from pydantic import BaseModel, Field


class DnsRecordOut(BaseModel):
    """A record to publish, and what was found of it."""

    purpose: str = Field(examples=["SPF"])
    type: Literal["MX", "TXT", "CNAME", "SRV", "TLSA"]
    name: str
    value: str = Field(description="As a zone file has it, but for quotes", examples=["10 mail.example.com."])
    required: bool = Field(description="Whether mail fails without it; the others are advised")
    state: Literal["ok", "missing", "differs", "unknown"] = Field(description="`unknown`: DNS gave no answer, or was not asked")
    found: list[str] = Field(description="Records of this purpose that are there")


class DomainDnsOut(BaseModel):
    """All records of a domain."""

    records: list[DnsRecordOut]
    mta_sts_policy: str = Field(description="What is served at https://mta-sts.DOMAIN/.well-known/mta-sts.txt")
