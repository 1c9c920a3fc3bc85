"""Idempotency-Key: a POST that is sent again, since its answer was lost, is answered as the first time and done once.

The answer of a success is kept for a day, enciphered under the caller's own credential and key: the database cannot read it, so
a secret that was shown once may be in it. What failed is forgotten, so that it may be tried again. While the first one is still
at work the second hears 409; should its replica die, the key is free again after a minute.
"""

import hashlib
import os
from typing import Annotated, Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Depends, Header, Request, Response

from api.errors import RefusedFor
from api.schemas.problem import FieldFault
from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger
from mailstead.store.idempotency import Answer, IdempotencyKeys

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEY = 200  # characters
MAX_ANSWER = 64 * 1024  # octets of an answer that are kept
NONCE = 12  # octets

_KEPT = ("content-type", "location", "etag")  # headers

Key = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=MAX_KEY,
        pattern=r"^[\x21-\x7e]+$",
        description="Random, the same for each attempt of one request: it is done once, and answered as the first time for a day",
    ),
]


log = get_logger()


class Replayed(Exception):
    """The request was done before; `response` is what it was answered."""

    def __init__(self, response: Response) -> None:
        super().__init__("done before")
        self.response = response


class _Claim:
    """One key, ours to answer for."""

    def __init__(self, keys: IdempotencyKeys, caller: str, key: str, cipher: AESGCM) -> None:
        self._keys = keys
        self._caller = caller
        self._key = key
        self._cipher = cipher

    async def keep(self, response: Response) -> None:
        """Successes only, and not what is too long to be kept: that one is done again."""
        if response.status_code >= 300 or len(response.body) > MAX_ANSWER:
            await self.drop()
            return
        headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
        plain = orjson.dumps([response.status_code, headers, bytes(response.body).decode()])
        nonce = os.urandom(NONCE)
        try:
            await self._keys.keep(self._caller, self._key, nonce + self._cipher.encrypt(nonce, plain, None))
        except Refused as refused:
            log.warning("cannot keep an answer", caller=self._caller, reason=refused.detail)

    async def drop(self) -> None:
        try:
            await self._keys.drop(self._caller, self._key)
        except Refused as refused:
            log.warning("cannot drop a request's key", caller=self._caller, reason=refused.detail)


def idempotent() -> Any:
    """For `dependencies=` of a route that creates, after the one that says who may: it takes Idempotency-Key."""
    return Depends(_claim)


async def _claim(request: Request, key: Key = None) -> None:
    """Raises Replayed, or Refused: IN_USE while the first is at work, CONFLICT for another request, TOO_MANY."""
    if key is None:
        return
    keys: IdempotencyKeys = request.app.state.backend.idempotency
    caller: str = request.state.caller.name
    secret = hashlib.sha256(f"{request.headers.get('authorization', '')}\0{request.headers.get('cookie', '')}\0{key}".encode())
    cipher = AESGCM(secret.digest())
    asked = hashlib.sha256(f"{request.method} {request.url.path}\0".encode() + await request.body()).digest()
    try:
        found = await keys.claim(caller, key, asked)
    except Refused as refused:
        if refused.failure is Failure.UNAVAILABLE:
            raise
        details = {
            Failure.IN_USE: "The first request with this key is still at work.",
            Failure.CONFLICT: "This key was for another request.",
            Failure.TOO_MANY: "There are too many keys of this day.",
        }
        raise RefusedFor(refused, FieldFault(where="header", field=HEADER, detail=details[refused.failure])) from refused
    if found is not None:
        raise Replayed(_response(found, cipher))
    request.state.idempotency = _Claim(keys, caller, key, cipher)


def _response(answer: Answer, cipher: AESGCM) -> Response:
    try:
        status, headers, body = orjson.loads(cipher.decrypt(answer[:NONCE], answer[NONCE:], None))
    except InvalidTag as error:
        raise Refused(Failure.UNAVAILABLE, "an answer that was kept cannot be read") from error
    return Response(body, status, headers | {REPLAYED: "true"})
