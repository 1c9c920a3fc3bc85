"""Types that several resources share: names, pages, patches."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from mailstead.model.address import MAX_DOMAIN, MAX_LOCAL_PART

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
# RFC 5322 §3.2.3 dot-atom without `+`, which separates the tag of a sub-address from the account
_ATOM = r"[A-Za-z0-9!#$%&'*/=?^_`{|}~-]+"
_LOCAL_PART = rf"{_ATOM}(?:\.{_ATOM})*"
_ANY_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
MAX_ID = 2**63 - 1
MAX_PASSWORD = 255  # octets, the most that SASL carries


def _not_an_ip_address(name: str) -> str:
    if re.fullmatch(r"[0-9.]+", name):
        raise ValueError("an IP address is no domain name")
    return name


def _short_local_part(address: str) -> str:
    if len(address.partition("@")[0]) > MAX_LOCAL_PART:
        raise ValueError(f"the part before @ is longer than {MAX_LOCAL_PART} characters")
    return address


def _sayable(password: str) -> str:
    if len(password.encode()) > MAX_PASSWORD:
        raise ValueError(f"longer than {MAX_PASSWORD} octets")
    if any(ord(c) < 32 or ord(c) == 127 for c in password):
        raise ValueError("control characters cannot be typed everywhere")
    return password


DomainName = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=MAX_DOMAIN - 2, pattern=rf"^{_DOMAIN}$"),
    AfterValidator(_not_an_ip_address),
    Field(description="A domain name in ASCII (A-labels); upper case is made lower case", examples=["example.com"]),
]
AccountAddress = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=MAX_LOCAL_PART + MAX_DOMAIN - 1, pattern=rf"^{_LOCAL_PART}@{_DOMAIN}$"),
    AfterValidator(_short_local_part),
    Field(description="The address, which is also the name to log in with; without `+`", examples=["alice@example.com"]),
]
AliasAddress = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=MAX_LOCAL_PART + MAX_DOMAIN - 1, pattern=rf"^(?:{_LOCAL_PART})?@{_DOMAIN}$"),
    AfterValidator(_short_local_part),
    Field(
        description="The address, without `+`; `@example.com` for whatever is not otherwise there", examples=["sales@example.com"]
    ),
]
TargetAddress = Annotated[
    str,
    StringConstraints(max_length=MAX_LOCAL_PART + MAX_DOMAIN - 1, pattern=rf"^{_ANY_ATOM}(?:\.{_ANY_ATOM})*@{_DOMAIN}$"),
    AfterValidator(_short_local_part),
    Field(description="An address here or elsewhere", examples=["alice@example.com"]),
]
SenderAddress = Annotated[
    str,
    StringConstraints(to_lower=True, max_length=MAX_LOCAL_PART + MAX_DOMAIN - 1, pattern=rf"^(?:{_LOCAL_PART})?@{_DOMAIN}$"),
    AfterValidator(_short_local_part),
    Field(description="An address, or `@example.com` for all of a domain", examples=["sales@example.com"]),
]
Password = Annotated[
    str,
    StringConstraints(min_length=8, max_length=MAX_PASSWORD),
    AfterValidator(_sayable),
    Field(description="At least 8 characters, at most 255 octets, no control characters", json_schema_extra={"writeOnly": True}),
]
QuotaBytes = Annotated[int, Field(ge=0, le=2**60, description="Octets that the account may hold; 0: unlimited")]

QuotaMessages = Annotated[int, Field(ge=0, le=2**60, description="Messages that the account may hold; 0: unlimited")]


def _written_out(moment: object) -> object:
    """Pydantic takes numbers too, as seconds since 1970; the document promises strings."""
    if not isinstance(moment, str | datetime) or (isinstance(moment, str) and re.fullmatch(r"[+-]?[0-9.]+", moment.strip())):
        raise ValueError("a time is written as in RFC 3339, with its zone")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]


def _written_as_a_day(day: object) -> object:
    if not isinstance(day, date) and not (isinstance(day, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day)):
        raise ValueError("a day is written as 2026-01-31")
    return day


Day = Annotated[date, BeforeValidator(_written_as_a_day)]

Id = Annotated[int, Field(ge=1, le=MAX_ID)]

ItemT = TypeVar("ItemT")


class Page(BaseModel, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last one")


class Input(BaseModel):
    """What a client sends: a field that is not known is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


def _without_defaults(schema: dict[str, Any]) -> None:
    """A default would say that a field left out is changed to it."""
    schema["minProperties"] = 1
    for field in schema["properties"].values():
        field.pop("default", None)


class Patch(Input):
    """Fields to change: at least one. Those left out stay as they are, and null is not a value.

    `model_fields_set` says what was given; defaults of subclasses are never used.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults)

    @model_validator(mode="before")
    @classmethod
    def _something_to_change(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data:
            raise ValueError("there is nothing to change")
        return data
