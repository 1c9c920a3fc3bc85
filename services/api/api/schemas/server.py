"""The server about itself, as JSON."""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """Whether this replica can work. For machines that route traffic, `/readyz` on the observe port is the better question."""

    status: Literal["ok", "degraded"] = Field(description="`degraded`: changes reach clients late, nothing is lost")
    database: Literal["ok"]
    events: Literal["ok", "away"] = Field(description="Whether NATS is connected")


class Version(BaseModel):
    """Which release this is."""

    version: str
    api: Literal["v1"]


class LimitsOut(BaseModel):
    """What this service takes at most. Each is a setting of the deployer; what one account or domain may hold is said there."""

    requests_per_second: float = Field(description="Of a caller on average, over all replicas; 0: no limit")
    request_burst: int = Field(description="Requests of a caller at once")
    body_bytes: int = Field(description="A request body")
    account_import_bytes: int
    account_import_rows: int
    message_bytes: int = Field(description="A message that is uploaded, or imported")
    mail_import_bytes: int
    queue_action_recipients: int = Field(description="Changed by one request; it says where to go on")
    streams_of_caller: int = Field(description="Streams of events at once")
    stream_seconds: float = Field(description="For which a stream of events lasts")
    sieve_scripts: int = Field(description="Of one account")
    sieve_script_bytes: int
    webhooks_of_tenant: int
    password_strength: int = Field(description="How hard a password must be to guess, from 0 (anything) to 4")
    restorable_days: float = Field(description="How long what is deleted can be restored")
    sign_in_hours: float = Field(description="How long who signs in stays signed in")
