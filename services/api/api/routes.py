"""The route class of all routers: what is done around each route's own work."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.idempotency import Replayed
from api.sparse import narrowed


class Route(APIRoute):
    """Answers what was done before as it was answered then, logs what came of changes, sends only the fields that are wanted."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def around(request: Request) -> Response:
            try:
                response = await handle(request)
            except Replayed as replayed:
                if entry := getattr(request.state, "audit", None):
                    await entry.answered(Response(status_code=replayed.response.status_code))
                return replayed.response
            except BaseException as error:
                if entry := getattr(request.state, "audit", None):
                    await entry.failed(error)
                if claim := getattr(request.state, "idempotency", None):
                    await claim.drop()
                raise
            if claim := getattr(request.state, "idempotency", None):
                await claim.keep(response)
            if entry := getattr(request.state, "audit", None):
                await entry.answered(response)
            return narrowed(request, response)

        return around
