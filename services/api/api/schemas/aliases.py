"""Aliases and groups as JSON."""

from enum import StrEnum

from pydantic import BaseModel, Field

from api.schemas.common import AliasAddress, Input, Patch, TargetAddress
from mailstead.store.schema.directory import MAX_TARGETS


class AliasKind(StrEnum):
    """`group`: failures of members are kept from who writes to it, and it may be for members only."""

    ALIAS = "alias"
    GROUP = "group"


_TARGETS = Field(min_length=1, max_length=MAX_TARGETS, description="Who gets what comes here: addresses here or elsewhere")
_MEMBERS_ONLY = "Of a group: whether only its members may write to it"


class AliasIn(Input):
    """An alias, a group, or the catch-all of a domain to create."""

    address: AliasAddress
    kind: AliasKind = AliasKind.ALIAS
    targets: list[TargetAddress] = _TARGETS
    members_only: bool = Field(default=False, description=_MEMBERS_ONLY)


class AliasPatch(Patch):
    """What can be changed of an alias."""

    targets: list[TargetAddress] = Field(default=[], min_length=1, max_length=MAX_TARGETS, description="All of them anew")
    members_only: bool = Field(default=False, description=_MEMBERS_ONLY)
    active: bool = Field(default=True, description="Whether mail for it is accepted")


class AliasOut(BaseModel):
    """An address that stands for others."""

    address: str
    kind: AliasKind
    targets: list[str]
    members_only: bool
    active: bool
