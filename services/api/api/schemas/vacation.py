"""Vacation as JSON."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, model_validator

from api.schemas.common import Input

MAX_VACATION = 16_384  # characters of its text
_Subject = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_VACATION, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$")]


class VacationFields(BaseModel):
    """What is answered, and when; days are counted in UTC."""

    subject: _Subject | None = Field(default=None, description="null: made of the subject of what is answered")
    text: _Text
    days: int = Field(default=7, ge=1, le=90, description="How long each sender is not answered again")
    first_day: date | None = None
    last_day: date | None = None


class VacationIn(VacationFields, Input):
    """A vacation to set. Line ends in `text` are line feeds."""

    enabled: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> "VacationIn":
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        return self


class VacationOut(VacationFields):
    """The vacation of an account."""

    enabled: bool
