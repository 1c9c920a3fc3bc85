"""Events as JSON: what a webhook is sent, and where it stands among the others."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class EventOut(BaseModel):
    """Something that happened."""

    position: int = Field(description="Of later events it is higher: give the last one as `after` for what came behind it")
    id: UUID
    type: str = Field(examples=["message.bounced"])
    timestamp: datetime = Field(description="When it came true")
    tenant_id: int | None = Field(description="Whose; null: of a trial of an operator's webhook")
    data: dict[str, Any] = Field(description="As the type says")
