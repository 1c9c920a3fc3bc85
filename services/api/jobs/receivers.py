"""One POST to a webhook. What its URL leads to is a stranger's say: it must not make us talk to the inside of a network.

The address is judged after DNS and then connected to itself, so that a name cannot change its meaning in between. Redirects are
not followed, no proxy of the environment is used, and of the answer nothing but its head is read.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType

import httpx

from mailstead.model.public_address import forbidden
from mailstead.store.webhook_sending import Attempted

MAX_ADDRESSES = 4  # of one name that are tried
MAX_DIGITS = 10  # of a Retry-After; a date is not looked at
USER_AGENT = "Mailstead"


class Unreachable(Exception):
    """There is nothing at this URL that may be connected to."""


class Receivers:
    """`private` lets URLs lead to private addresses, and be without TLS."""

    def __init__(self, *, seconds: float, private: bool, tls: ssl.SSLContext | None = None) -> None:
        self._seconds = seconds
        self._private = private
        # A pooled connection is known by its address alone: another name's certificate would have been looked at.
        limits = httpx.Limits(max_keepalive_connections=0)
        tls = tls or ssl.create_default_context()
        self._client = httpx.AsyncClient(verify=tls, trust_env=False, timeout=seconds, limits=limits, follow_redirects=False)

    async def __aenter__(self) -> "Receivers":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempted:
        """Whatever goes wrong is in what it returns."""
        started_at, started = datetime.now(UTC), time.perf_counter()
        status: int | None = None
        error: str | None = None
        pause: float | None = None
        try:
            async with asyncio.timeout(self._seconds):
                status, pause = await self._post(httpx.URL(url), headers, body)
        except TimeoutError:
            error = f"no answer within {self._seconds:g} seconds"
        except Unreachable as unreachable:
            error = str(unreachable)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as failed:
            error = f"{type(failed).__name__}: {failed}".removesuffix(": ")
        if status is not None and not 200 <= status < 300:
            error = f"it answered {status}"
        took = time.perf_counter() - started
        return Attempted(started_at, took, status, error, gone=status == HTTPStatus.GONE, pause=pause)

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None]:
        """The status of the answer, and its Retry-After. Raises Unreachable, or what httpx does."""
        if url.scheme != "https" and not self._private:
            raise Unreachable("only https is allowed")
        addresses = await self._addresses(url.host, url.port or (443 if url.scheme == "https" else 80))
        for address in addresses[:-1]:
            try:
                return await self._post_to(address, url, headers, body)
            except httpx.ConnectError:
                continue
        return await self._post_to(addresses[-1], url, headers, body)

    async def _post_to(self, address: str, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None]:
        host = url.netloc.decode()
        async with self._client.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={**headers, "Host": host, "User-Agent": USER_AGENT},
            extensions={"sni_hostname": url.host},
        ) as response:
            pause = response.headers.get("retry-after", "")
            return response.status_code, float(pause) if pause.isdecimal() and len(pause) < MAX_DIGITS else None

    async def _addresses(self, host: str, port: int) -> list[str]:
        """At least one that may be connected to. Raises Unreachable, which tells no stranger what names there are inside."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise Unreachable(f"{host} has no {'' if self._private else 'public '}address") from error
        addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
        allowed = addresses if self._private else [address for address in addresses if forbidden(address) is None]
        if not allowed:
            raise Unreachable(f"{host} has no public address")
        return allowed[:MAX_ADDRESSES]
