"""The OpenAPI document, made to tell the truth: every problem a route may answer with, as problem+json."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import MEDIA_TYPE, STATUS
from api.schemas.problem import Problem
from mailstead.model.failure import Failure

_ANY_ROUTE = (Failure.BAD_CREDENTIALS, Failure.NOT_PERMITTED, Failure.TOO_MANY, Failure.UNAVAILABLE)
_DESCRIPTION = """Provision and look after a mail host.

Give an API key as `Authorization: Bearer ms_…`; each route names the scope that the key needs. Errors are problem+json
(RFC 9457) and name the fields that are wrong. Lists come in pages: give `next_cursor` as `cursor` for the next one. Conventions
that hold everywhere, and how they may change, are in `docs/api.md`."""

SPARSE = "fields"  # the parameter of sparse answers, see `sparse.py`

Responses = dict[int | str, dict[str, Any]]


def problems(*failures: Failure, with_input: bool = False, media_types: bool = False) -> Responses:
    """For `responses=` of a route: those that each route has, and `failures`.

    `with_input` adds what wrong input gets, `media_types` that it takes some only.
    """
    statuses = {STATUS[failure][0] for failure in (*_ANY_ROUTE, *failures)}
    if with_input:
        statuses |= {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.BAD_REQUEST}
    if media_types:
        statuses |= {HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"description": status.phrase, "content": content} for status in sorted(statuses)}


def document(app: FastAPI) -> dict[str, Any]:
    """What `GET /v1/openapi.json` answers."""
    schema = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    problem = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    nested = problem.pop("$defs", {})
    schemas: dict[str, Any] = schema["components"]["schemas"]
    schemas |= {"Problem": problem, **nested}
    for operations in schema["paths"].values():
        for operation in operations.values():
            if any(parameter["name"] == SPARSE for parameter in operation.get("parameters", ())):
                answer = operation["responses"]["200"]["content"]["application/json"]
                answer["schema"] = {"anyOf": [answer["schema"], _partial(answer["schema"]["$ref"], schemas)]}
    return schema


def _partial(reference: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """A schema of the same fields of which each may be left out; of a page, of its items."""
    name = reference.rpartition("/")[2]
    whole = schemas[name]
    properties = dict(whole["properties"])
    if "next_cursor" in properties:
        items = properties["items"]["items"]
        properties["items"] = {**properties["items"], "items": _partial(items["$ref"], schemas)}
        required = whole["required"]
    else:
        required = []
    schemas[f"Sparse_{name}"] = {**whole, "title": f"Sparse{whole['title']}", "properties": properties, "required": required}
    return {"$ref": f"#/components/schemas/Sparse_{name}"}
