"""Cursors of lists: the key of the last item of a page, opaque to the client, so that pages neither repeat nor skip items."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query
from fastapi.exceptions import RequestValidationError

from api.schemas.common import Page

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items of a page at most")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before")]

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")


def page_of(items: Sequence[ItemT], limit: int, key: Callable[[ItemT], object]) -> Page[ItemT]:
    """The first `limit` of `items`; one more among them means that there is a next page."""
    shown = list(items[:limit])
    return Page(items=shown, next_cursor=encode_cursor(key(shown[-1])) if len(items) > limit else None)


def page_of_all(items: Sequence[ItemT], limit: int, cursor: str | None, key: Callable[[ItemT], object]) -> Page[ItemT]:
    """A page of a list that is short enough to be read whole."""
    last = decode_cursor(cursor, str)
    at = next((n + 1 for n, item in enumerate(items) if str(key(item)) == last), len(items)) if last is not None else 0
    return page_of(items[at : at + limit + 1], limit, key)


def encode_cursor(key: object) -> str:
    """The cursor behind an item with this key."""
    return urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, parse: Callable[[str], KeyT]) -> KeyT | None:
    """The key in `cursor`, or None for the first page. Raises RequestValidationError naming the field."""
    if cursor is None:
        return None
    try:
        return parse(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except (Base64Error, ValueError) as error:
        fault = {"type": "value_error", "loc": ("query", "cursor"), "msg": "not a cursor that a page came with", "input": None}
        raise RequestValidationError([fault]) from error
