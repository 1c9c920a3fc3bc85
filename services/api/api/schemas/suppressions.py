"""Addresses that a tenant does not write to again, as JSON."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.common import Id, Input, Moment, TargetAddress

Reason = Literal["bounce", "complaint", "manual"]


class SuppressionIn(Input):
    """An address to put on the list; if it is there already, in place of that."""

    address: TargetAddress
    tenant_id: Id | None = Field(default=None, description="Whose list; null: of the caller's tenant")
    detail: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        default="", description="Why, for who reads the list and for senders"
    )
    expires_at: Moment | None = Field(default=None, description="When it is forgotten; null: never")


class SuppressionOut(BaseModel):
    """An address that is not written to: mail for it fails untried, and the sender is told."""

    id: int
    tenant_id: int
    address: str
    reason: Reason = Field(description="`bounce`: there is no such mailbox; `complaint`: its owner did not want the mail")
    detail: str = Field(description="What the other host said, or why somebody put it there")
    trace_id: str | None = Field(description="The message that it comes from")
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is forgotten; null: never")
