"""ETags and If-Match (RFC 9110 §13.1.1): who changes what they read is refused when somebody else changed it first.

An ETag names a version of what can be changed; what the house counts, as the space that is used, does not make a new one.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

import orjson
from fastapi import Depends, Header, Request
from pydantic import BaseModel

from api.auditing import note_before
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


class Seen:
    """What the client has seen of what it changes, and what the audit log is to see."""

    def __init__(self, request: Request, if_match: str | None) -> None:
        self._request = request
        self._tags = None if if_match is None or if_match.strip() == "*" else {tag.strip() for tag in if_match.split(",")}

    def expecting(self, etag: Callable[[RowT], str], shown: Callable[[RowT], BaseModel]) -> Expectation[RowT]:
        """What the store is to call with the row that it is about to change."""

        def expect(row: RowT) -> None:
            if self._tags is not None and etag(row) not in self._tags:
                raise Refused(Failure.CHANGED, "If-Match does not match")
            note_before(self._request, shown(row))

        return expect


def _seen(request: Request, if_match: IfMatch = None) -> Seen:
    return Seen(request, if_match)


UseSeen = Annotated[Seen, Depends(_seen)]
