"""Around every request: a bound on its body, a trace id, its metrics, and the last net under what nobody had foreseen."""

import re
import time
from collections.abc import Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_of, problem_response
from api.metrics import ApiMetrics
from api.rate_limit import Allowance
from mailstead.model.failure import Failure
from mailstead.model.ids import new_trace_id
from mailstead.ops.logging import bind, get_logger

STREAM = b"text/event-stream"

log = get_logger()


class Outermost:
    """ASGI middleware. Every log line of a request carries its `trace_id`, which the answer names as `X-Trace-Id`."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, max_body: int, max_bodies: Sequence[tuple[str, int]] = ()) -> None:
        """`max_bodies` are other bounds, for paths that match a regular expression as a whole."""
        self._app = app
        self._metrics = metrics
        self._max_body = max_body
        self._max_bodies = [(re.compile(path), octets) for path, octets in max_bodies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        answered: float | None = None  # of what has no end of its own, when it began
        trace_id = new_trace_id()
        status = 0
        max_body = next((octets for path, octets in self._max_bodies if path.fullmatch(scope["path"])), self._max_body)

        async def answer(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-trace-id", trace_id.encode())]
                if any(name == b"content-type" and value.startswith(STREAM) for name, value in headers):
                    answered = time.perf_counter()
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                allowance: Allowance | None = scope.get("state", {}).get("allowance")
                headers += allowance.headers() if allowance else []
                message = {**message, "headers": headers}
            await send(message)

        scope.setdefault("state", {})["trace_id"] = trace_id
        with bind(trace_id=trace_id):
            try:
                if _declared_length(scope) > max_body:
                    await problem_response(problem_of(Failure.TOO_LARGE))(scope, receive, answer)
                else:
                    await self._app(scope, _bounded(receive, max_body), answer)
            except Exception:
                log.exception("request failed unexpectedly", method=scope["method"], route=_route(scope))
                if not status:
                    await problem_response(problem_of(Failure.UNAVAILABLE))(scope, receive, answer)
            finally:
                elapsed = (answered or time.perf_counter()) - started
                self._metrics.requests.labels(_method(scope), _route(scope), str(status)).observe(elapsed)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _bounded(receive: Receive, limit: int) -> Receive:
    """`receive` that turns a body away once it is longer than `limit` octets, whatever its head said."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large.")
        return message

    return bounded


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return str(route.path) if route is not None else "none"


def _method(scope: Scope) -> str:
    """Of a closed list, because it is a label of a metric."""
    method: str = scope["method"]
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
