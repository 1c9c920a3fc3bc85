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
