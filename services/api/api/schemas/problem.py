"""A problem (RFC 9457)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Where = Literal["body", "query", "path", "header"]


class FieldFault(BaseModel):
    """One field of the request that is wrong."""

    model_config = ConfigDict(populate_by_name=True)

    where: Where = Field(serialization_alias="in", description="Which part of the request")
    field: str = Field(description="Name of the field, levels joined by dots; empty for the part as a whole")
    detail: str = Field(description="What is wrong with it")


class Problem(BaseModel):
    """Why a request was not carried out. Nothing of it remains."""

    type: str = Field(description="A stable name of the kind of problem")
    title: str = Field(description="The HTTP status in words")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="What is wrong, for people")
    errors: list[FieldFault] | None = Field(default=None, description="The fields that are wrong, where it is about fields")
