"""A verdict from rspamd over its HTTP protocol (`/checkv2`): what is sent, what is read from its answer, and the client."""

import json
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import httpx

from smtp_in.checks.findings import Action, Identity, Opinion

MAX_ANSWER = 1024 * 1024  # octets
MAX_HEADERS = 20  # fields that it may add
MAX_VALUE = 2_000  # characters of one of them
MAX_CONNECTIONS = 64

_NAME = re.compile(r"X-[A-Za-z0-9-]{1,60}")


class BadAnswer(ValueError):
    """What came is no answer of rspamd's."""


def read_answer(octets: bytes) -> Opinion:
    """Raises BadAnswer. Of the header fields only X- ones are taken, on one line each."""
    try:
        answer = json.loads(octets)
        action, score = Action(answer["action"]), float(answer["score"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadAnswer(str(error)[:200]) from error
    milter = answer.get("milter")
    added = milter.get("add_headers") if isinstance(milter, dict) else None
    headers: list[tuple[str, str]] = []
    for name, given in added.items() if isinstance(added, dict) else ():
        for each in given if isinstance(given, list) else [given]:
            value = each.get("value") if isinstance(each, dict) else each
            if isinstance(value, str) and _NAME.fullmatch(name):
                headers.append((name, " ".join(value.split())[:MAX_VALUE]))
    return Opinion(action, score, tuple(headers[:MAX_HEADERS]))


class SpamFilter(AbstractAsyncContextManager["SpamFilter"]):
    """rspamd at a URL. Raises BadAnswer, httpx.HTTPError."""

    def __init__(self, url: str, *, seconds: float, max_octets: int) -> None:
        self._max_octets = max_octets
        self._client = httpx.AsyncClient(
            base_url=url, timeout=seconds, trust_env=False, limits=httpx.Limits(max_connections=MAX_CONNECTIONS)
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(
        self, identity: Identity, recipients: Sequence[str], trace_id: str, header: bytes, body: bytes | memoryview
    ) -> Opinion | None:
        """Its opinion; None of a message that is too large for it."""
        if len(header) + len(body) > self._max_octets:
            return None
        about = [("IP", identity.client), ("Helo", identity.hello), ("From", identity.sender), ("Queue-Id", trace_id)]
        about += [("Rcpt", recipient) for recipient in recipients[:100]]
        headers = [(name.encode(), value.encode()) for name, value in about]
        answer = await self._client.post("/checkv2", headers=headers, content=header + body)
        if answer.status_code != httpx.codes.OK or len(answer.content) > MAX_ANSWER:
            raise BadAnswer(f"status {answer.status_code}")
        return read_answer(answer.content)
