"""Sieve scripts as JSON."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.common import Input

MAX_TEXT = 1024 * 1024  # characters; the setting says how many octets there may be


class SieveScriptIn(Input):
    """A script to make or replace."""

    text: str = Field(min_length=1, max_length=MAX_TEXT, description="The script (RFC 5228)", examples=["keep;"])
    active: bool | None = Field(
        default=None, description="Whether it is to be the one that runs; left out, that stays as it is. At most one is"
    )


class SieveScriptOut(BaseModel):
    """A script, its text aside."""

    name: str
    active: bool = Field(description="Whether it is the one that runs on mail for the account")
    octets: int
    changed_at: datetime


class SieveScriptWithText(SieveScriptOut):
    """A script."""

    text: str


class SieveScriptStored(SieveScriptOut):
    """A script that was stored."""

    remarks: list[str] = Field(description="What is allowed and probably not meant, each with its place")
