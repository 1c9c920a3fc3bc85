"""Errors as problem+json (RFC 9457), and the one table from failures to HTTP status codes.

A problem names what is wrong with the request, and in which field. Of what is wrong with us it says only that it is so, and the
trace id under which the log has the rest.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.schemas.problem import FieldFault, Problem, Where
from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 50  # that one problem lists

log = get_logger()

_PARTS: dict[str, Where] = {"body": "body", "query": "query", "path": "path", "header": "header"}

STATUS: dict[Failure, tuple[HTTPStatus, str]] = {
    Failure.UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "This cannot be done now. Try again later."),
    Failure.BUSY: (HTTPStatus.SERVICE_UNAVAILABLE, "Too busy. Try again later."),
    Failure.BAD_CREDENTIALS: (HTTPStatus.UNAUTHORIZED, "The API key is missing, unknown or expired."),
    Failure.EASILY_GUESSED: (HTTPStatus.UNPROCESSABLE_ENTITY, "This password is too easily guessed."),
    Failure.LOCKED_OUT: (HTTPStatus.TOO_MANY_REQUESTS, "Too many failed log-ins. Try again later."),
    Failure.TOO_MANY_SESSIONS: (HTTPStatus.TOO_MANY_REQUESTS, "There are too many sessions. Try again later."),
    Failure.ENCRYPTION_REQUIRED: (HTTPStatus.FORBIDDEN, "This needs an encrypted connection."),
    Failure.NO_SUCH_ACCOUNT: (HTTPStatus.NOT_FOUND, "There is no such account."),
    Failure.ACCOUNT_DISABLED: (HTTPStatus.CONFLICT, "The account is suspended."),
    Failure.NO_SUCH_DOMAIN: (HTTPStatus.NOT_FOUND, "There is no such domain."),
    Failure.NO_SUCH_MAILBOX: (HTTPStatus.NOT_FOUND, "There is no such mailbox."),
    Failure.NO_SUCH_MESSAGE: (HTTPStatus.NOT_FOUND, "There is no such message."),
    Failure.NO_SUCH_SCRIPT: (HTTPStatus.NOT_FOUND, "There is no such script."),
    Failure.NO_SUCH_KEY: (HTTPStatus.NOT_FOUND, "There is no such key."),
    Failure.NO_SUCH_RULE: (HTTPStatus.NOT_FOUND, "There is no such rule."),
    Failure.NO_SUCH_TENANT: (HTTPStatus.NOT_FOUND, "There is no such tenant."),
    Failure.NO_SUCH_ENTRY: (HTTPStatus.NOT_FOUND, "There is no such entry."),
    Failure.DELETED: (HTTPStatus.CONFLICT, "It is deleted. Restore it, or erase it for good."),
    Failure.CHANGED: (HTTPStatus.PRECONDITION_FAILED, "It was changed meanwhile. Read it again."),
    Failure.MAILBOX_EXISTS: (HTTPStatus.CONFLICT, "A mailbox of this name exists."),
    Failure.MAILBOX_HAS_CHILDREN: (HTTPStatus.CONFLICT, "The mailbox has others below it."),
    Failure.INVALID_NAME: (HTTPStatus.UNPROCESSABLE_ENTITY, "This name cannot be used."),
    Failure.INVALID_SCRIPT: (HTTPStatus.UNPROCESSABLE_ENTITY, "The script cannot be used."),
    Failure.NOT_PERMITTED: (HTTPStatus.FORBIDDEN, "This is not allowed to who asks."),
    Failure.OVER_QUOTA: (HTTPStatus.CONFLICT, "The quota is used up."),
    Failure.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large."),
    Failure.TOO_MANY: (HTTPStatus.TOO_MANY_REQUESTS, "Too many. Try again later."),
    Failure.IN_USE: (HTTPStatus.CONFLICT, "It is in use."),
    Failure.CONFLICT: (HTTPStatus.CONFLICT, "It exists already, or was changed or is needed elsewhere."),
}


class RefusedFor(Refused):
    """A refusal, and the field of the request that it is about."""

    def __init__(self, refused: Refused, fault: FieldFault) -> None:
        super().__init__(refused.failure, refused.detail)
        self.fault = fault


@contextmanager
def blame(field: str, details: Mapping[Failure, str], *, where: Where = "body") -> Iterator[None]:
    """Within this `with`, refusals for one of these reasons name `field`, and say this about it, unless they name one already."""
    try:
        yield
    except Refused as refused:
        if refused.failure not in details or isinstance(refused, RefusedFor):
            raise
        raise RefusedFor(refused, FieldFault(where=where, field=field, detail=details[refused.failure])) from refused


def problem_response(problem: Problem) -> JSONResponse:
    headers = {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 6750 §3
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = "1"
    body = problem.model_dump(by_alias=True, exclude_none=True)
    return JSONResponse(body, problem.status, headers, media_type=MEDIA_TYPE)


def problem_of(failure: Failure, errors: list[FieldFault] | None = None) -> Problem:
    status, detail = STATUS[failure]
    return Problem(
        type=f"urn:mailstead:problem:{failure.name.lower().replace('_', '-')}",
        title=status.phrase,
        status=status,
        detail=detail,
        errors=errors,
    )


async def on_refused(_request: Request, error: Exception) -> JSONResponse:
    """What the store, or a dependency, refused."""
    assert isinstance(error, Refused)
    errors = [error.fault] if isinstance(error, RefusedFor) else None
    problem = problem_of(error.failure, errors)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request failed", failure=error.failure.value, reason=error.detail)
    return problem_response(problem)


async def on_invalid(_request: Request, error: Exception) -> JSONResponse:
    """A request that does not fit its schema: every field that is wrong, none of the values."""
    assert isinstance(error, RequestValidationError)
    faults = [_field_fault(fault["loc"], fault["msg"]) for fault in error.errors()[:MAX_FAULTS]]
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return problem_response(
        Problem(
            type="urn:mailstead:problem:invalid",
            title=status.phrase,
            status=status,
            detail="The request is not valid.",
            errors=faults,
        )
    )


async def on_http(_request: Request, error: Exception) -> JSONResponse:
    """What the router itself turns away: no such path, method not allowed, a body that is no JSON."""
    assert isinstance(error, HTTPException)
    response = problem_response(
        Problem(
            type="about:blank", title=HTTPStatus(error.status_code).phrase, status=error.status_code, detail=str(error.detail)
        )
    )
    response.headers.update(error.headers or {})
    return response


async def on_unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """What nobody had foreseen: the outermost middleware writes it to the log."""
    return problem_response(problem_of(Failure.UNAVAILABLE))


def _field_fault(location: tuple[int | str, ...], message: str) -> FieldFault:
    where, *path = location
    kind = _PARTS.get(str(where), "body")
    names = [str(part) for part in path]
    if kind == "body" and len(path) == 1 and isinstance(path[0], int):
        names = []  # the offset at which a body stops being JSON
    return FieldFault(where=kind, field=".".join(names), detail=message.removeprefix("Value error, "))
