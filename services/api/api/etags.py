"""ETags and If-Match (RFC 9110 §13.1.1): who changes what they read is refused when somebody else changed it first.

An ETag names a version of what can be changed; what the house counts, as the space that is used, does not make a new one.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

import orjson
from fastapi import Header
from pydantic import BaseModel

from mailstead.model.failure import Failure, Refused

MAX_IF_MATCH = 1_000  # characters
_OCTETS = 16

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=MAX_IF_MATCH,
        description="The `ETag` that came with what is to be changed: 412 when it was changed meanwhile",
    ),
]

RowT = TypeVar("RowT")
Expectation = Callable[[RowT], None]
"""Called by the store with the locked row, within the transaction that changes it. Raises Refused(CHANGED)."""


def etag_of(shown: BaseModel, *counted: str) -> str:
    """A strong validator of all but the fields that are `counted`."""
    octets = orjson.dumps(shown.model_dump(mode="json", exclude=set(counted)))
    return f'"{hashlib.sha256(octets).hexdigest()[: 2 * _OCTETS]}"'


def expecting(if_match: str | None, etag: Callable[[RowT], str]) -> Expectation[RowT] | None:
    """What the store is to hold before it changes a row; None where the client asks for nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = {tag.strip() for tag in if_match.split(",")}

    def expect(row: RowT) -> None:
        if etag(row) not in tags:
            raise Refused(Failure.CHANGED, "If-Match does not match")

    return expect
