"""The API as commands use it: paths in, JSON out, and every failure as one clear line and exit status 1."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer

TIMEOUT = 30.0  # seconds; hashing a password may have to wait for its turn
LONG_TIMEOUT = 600.0  # seconds; of an import whose passwords are to be hashed
PAGE = 500  # items asked for at once
PIECE = 256 * 1024  # octets that are written or sent at once
BUSY = (429, 502, 503, 504)  # what a replica that goes, or what stands before it, answers for a while
FOLLOW_PAUSE = 1.0  # seconds until a stream that ended is asked for again
FOLLOW_TIMEOUT = 60.0  # seconds; a stream that brings nothing for so long, not even a comment, is dead

Json = dict[str, Any]

Url = Annotated[str, typer.Option("--url", envvar="MAILSTEAD_API_URL", help="Where the API is")]
Token = Annotated[
    str,
    typer.Option("--token", envvar=["MAILSTEAD_API_TOKEN", "ADMIN_TOKEN"], help="An API key, as ms_…", show_envvar=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
DEFAULT_URL = "http://127.0.0.1:8080"


class ApiFailure(typer.Exit):
    """The command cannot go on; what is wrong has been said on standard error."""

    def __init__(self, line: str) -> None:
        super().__init__(1)
        typer.secho(f"mailstead: {line}", fg="red", err=True)


@dataclass(frozen=True, slots=True)
class Api:
    """Every method raises ApiFailure when the API refuses or does not answer."""

    url: str
    token: str

    def get(self, path: str) -> Json:
        return self._ask("GET", path)

    def post(self, path: str, body: Json | None = None) -> Json:
        return self._ask("POST", path, body)

    def send(self, path: str, octets: bytes | Iterator[bytes], media_type: str) -> Json:
        """A body that is no JSON."""
        return self._ask("POST", path, octets=octets, media_type=media_type)

    def fetch(self, path: str) -> Iterator[bytes]:
        """An answer that is no JSON, as it comes in; when it ends early that is a failure."""
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            with httpx.stream("GET", self.url.rstrip("/") + path, headers=headers, timeout=TIMEOUT) as answer:
                if answer.is_error:
                    answer.read()
                    raise ApiFailure(_explain(answer))
                yield from answer.iter_bytes(PIECE)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiFailure(f"the API at {self.url} does not answer: {error or type(error).__name__}") from error

    def patch(self, path: str, body: Json) -> Json:
        return self._ask("PATCH", path, body)

    def put(self, path: str, body: Json) -> Json:
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def follow(self, path: str, **query: str | list[str]) -> Iterator[Json]:
        """What a stream of server-sent events brings, on and on: it is asked for again, behind what came last, when it ends."""
        last: dict[str, str] = {}
        while True:
            try:
                for field, value in self._lines(path, query, last):
                    if field == "id":
                        last = {"Last-Event-ID": value}
                    elif field == "data":
                        yield json.loads(value)
            except httpx.TransportError as error:
                if not last:
                    raise ApiFailure(f"the API at {self.url} does not answer: {error or type(error).__name__}") from error
            time.sleep(FOLLOW_PAUSE)

    def _lines(self, path: str, query: Mapping[str, str | list[str]], headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The fields of one stream; none where one that is gone on with cannot be had at this moment."""
        bearer = {"Authorization": f"Bearer {self.token}", **headers}
        at = self.url.rstrip("/") + path
        with httpx.stream("GET", at, params=query, headers=bearer, timeout=httpx.Timeout(TIMEOUT, read=FOLLOW_TIMEOUT)) as answer:
            if headers and answer.status_code in BUSY:
                return
            if answer.is_error:
                answer.read()
                raise ApiFailure(_explain(answer))
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                yield field, value

    def every(self, path: str, **query: str | list[str]) -> Iterator[Json]:
        """All items of a list, page by page."""
        cursor: str | None = None
        while True:
            parameters = httpx.QueryParams({"limit": str(PAGE), **query} | ({"cursor": cursor} if cursor else {}))
            page = self._ask("GET", f"{path}?{parameters}")
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        octets: bytes | Iterator[bytes] | None = None,
        media_type: str = "",
    ) -> Json:
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Content-Type": media_type} if media_type else {})
        timeout = LONG_TIMEOUT if octets else TIMEOUT
        try:
            answer = httpx.request(
                method, self.url.rstrip("/") + path, json=body, content=octets, headers=headers, timeout=timeout
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiFailure(f"the API at {self.url} does not answer: {error or type(error).__name__}") from error
        if answer.is_error:
            raise ApiFailure(_explain(answer))
        found: Json = answer.json() if answer.content else {}
        return found


def _explain(answer: httpx.Response) -> str:
    """A problem (RFC 9457) in one line, with the fields that are wrong."""
    try:
        problem = answer.json()
        faults = [f"{fault['field']}: {fault['detail']}".removeprefix(": ") for fault in problem.get("errors", [])]
        return "; ".join(faults) or str(problem["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the API answered {answer.status_code} {answer.reason_phrase}"
