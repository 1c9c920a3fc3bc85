"""Sparse fields: `?fields=id,address` of what reads, so that a client is sent only what it looks at."""

from typing import Annotated, Any

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.openapi import SPARSE

MAX_FIELDS = 500  # characters

_Fields = Annotated[
    str | None,
    Query(
        max_length=MAX_FIELDS,
        pattern=r"^[a-z_]+(?:,[a-z_]+)*$",
        description="Only these fields of each item, joined by commas; left out: all",
        examples=["id"],
    ),
]


def sparse() -> Any:
    """For `dependencies=` of a route that reads: it takes `fields`."""
    return Depends(_wanted)


def item_model(model: object) -> type[BaseModel]:
    """What a route answers with, or what the pages of a list are made of."""
    assert isinstance(model, type) and issubclass(model, BaseModel)
    arguments = model.__pydantic_generic_metadata__["args"]
    return item_model(arguments[0]) if arguments else model


def narrowed(request: Request, response: Response) -> Response:
    """`response` with the wanted fields only."""
    wanted: frozenset[str] | None = getattr(request.state, SPARSE, None)
    if wanted is None or response.status_code != 200:
        return response
    document = orjson.loads(response.body)
    if "items" in document and "next_cursor" in document:
        document["items"] = [_only(item, wanted) for item in document["items"]]
    else:
        document = _only(document, wanted)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(orjson.dumps(document), response.status_code, headers)


def _only(item: dict[str, Any], wanted: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name in wanted}


def _wanted(request: Request, fields: _Fields = None) -> None:
    """Raises RequestValidationError for a field that there is not."""
    if fields is None:
        return
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    wanted = frozenset(fields.split(","))
    unknown = sorted(wanted - item_model(route.response_model).model_fields.keys())
    if unknown:
        fault = {"type": "value_error", "loc": ("query", SPARSE), "msg": f"there is no field {unknown[0]}"}
        raise RequestValidationError([fault])
    request.state.fields = wanted
