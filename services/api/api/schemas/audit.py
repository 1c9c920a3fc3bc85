"""The audit log as JSON."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class AuditOut(BaseModel):
    """Who asked for a change, and what came of it."""

    id: UUID
    at: datetime
    tenant_id: int | None = Field(description="Whose it is about; null: nobody's, or it was not there")
    actor: str = Field(description="`key NAME`, or who had signed in")
    action: str = Field(description="The operation, as `update_account`")
    target: str = Field(description="Its path")
    trace_id: str = Field(description="Under which the log has the rest")
    status: int | None = Field(description="Of the answer; null where it is not known, since a replica died")
    before: dict[str, Any] | None = Field(description="What it was, without secrets, where something was changed or deleted")
    after: dict[str, Any] | None = Field(description="What was answered, without secrets")
