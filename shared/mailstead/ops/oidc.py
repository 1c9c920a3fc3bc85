"""Bearer tokens of an OpenID Connect issuer: JWTs (RFC 7519, RFC 9068) checked against the keys that it publishes (RFC 7517).

A token is good that the issuer signed for our audience, that has not expired, and whose claim, which a setting names, is the
address of an account. What comes from the issuer is bounded in octets, keys and time, and strangers cannot make us ask it often.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt

from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger
from mailstead.ops.settings import LoginSettings

ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""With the type of their keys. All are asymmetric: with a published key nobody but the issuer can sign (RFC 8725 §3.1)."""

KEY_TYPES = frozenset(ALGORITHMS.values())
MAX_TOKEN = 8_192  # octets
MAX_DOCUMENT = 256 * 1024  # octets of what the issuer publishes
MAX_KEYS = 100
FETCH_SECONDS = 5.0
FRESH_SECONDS = 3600.0  # keys are fetched anew after that
STALE_SECONDS = 24 * 3600.0  # and are used up to then, while the issuer is away
PAUSE_SECONDS = 10.0  # between two fetches at least, whatever key is asked for
LEEWAY_SECONDS = 30  # between the issuer's clock and ours

log = get_logger()


class IssuerKeys:
    """The keys of one issuer by their ids, fetched when the first is wanted, and when one is named that is not known."""

    def __init__(self, client: httpx.AsyncClient, issuer: str, url: str | None) -> None:
        self._client = client
        self._issuer = issuer
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """None where the issuer has no such key. Raises Refused(UNAVAILABLE) when it could not be asked for so long."""
        if key_id not in self._keys or time.monotonic() - self._fetched_at > FRESH_SECONDS:
            async with self._fetching:
                if time.monotonic() - self._tried_at > PAUSE_SECONDS:
                    await self._fetch()
        if time.monotonic() - self._fetched_at > STALE_SECONDS:
            raise Refused(Failure.UNAVAILABLE, f"no keys of {self._issuer}")
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        """Take what the issuer publishes now; when it cannot be had, keep what there is."""
        self._tried_at = time.monotonic()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keys = _usable(await self._document(await self._keys_url()))
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("cannot fetch the keys of the issuer", issuer=self._issuer, reason=f"{type(error).__name__}: {error}")
        else:
            self._fetched_at = self._tried_at
            log.info("fetched the keys of the issuer", issuer=self._issuer, count=len(self._keys))

    async def _keys_url(self) -> str:
        """As set, or as the issuer's own configuration says (OpenID Connect Discovery §4)."""
        if self._url:
            return self._url
        found = await self._document(configuration_url(self._issuer))
        url = found.get("jwks_uri")
        if found.get("issuer") != self._issuer or not isinstance(url, str):
            raise ValueError("configuration of another issuer, or without jwks_uri")
        return url

    async def _document(self, url: str) -> dict[str, Any]:
        """Raises httpx.HTTPError, or ValueError for what is too long or no JSON object."""
        octets = bytearray()
        async with self._client.stream("GET", url) as response:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                octets += piece
                if len(octets) > MAX_DOCUMENT:
                    raise ValueError("document too long")
        found = json.loads(octets)
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        return found


class IssuedTokens:
    """Implements `authentication.Tokens`."""

    def __init__(self, settings: LoginSettings, keys: IssuerKeys) -> None:
        assert settings.oauth_issuer
        self._issuer = settings.oauth_issuer
        self._audience = settings.oauth_audience
        self._claim = settings.oauth_account_claim
        self._scope = settings.oauth_scope
        self._keys = keys
        said = {"status": "invalid_token", "schemes": "bearer", "openid-configuration": configuration_url(self._issuer)}
        self.error = json.dumps(said | ({"scope": self._scope} if self._scope else {})).encode()

    async def account(self, token: str) -> str:
        """The address of the account that the token is for. Raises Refused: BAD_CREDENTIALS, UNAVAILABLE."""
        if len(token) > MAX_TOKEN:
            raise Refused(Failure.BAD_CREDENTIALS, "token too long")
        try:
            return self._address(await self._claims(token))
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Refused(Failure.BAD_CREDENTIALS, f"token: {type(error).__name__}: {error}") from error

    async def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise ValueError("algorithm not allowed")
        key = await self._keys.key(str(header.get("kid", "")))
        if key is None or key.key_type != ALGORITHMS[algorithm]:
            raise ValueError("signed by no key of the issuer")
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims

    def _address(self, claims: dict[str, Any]) -> str:
        granted = claims.get("scope", claims.get("scp", ""))
        words = granted.split() if isinstance(granted, str) else granted if isinstance(granted, list) else []
        if self._scope and self._scope not in words:
            raise ValueError(f"without the scope {self._scope}")
        address = claims.get(self._claim)
        if not isinstance(address, str) or not address:
            raise ValueError(f"without the claim {self._claim}")
        if self._claim == "email" and claims.get("email_verified") is False:
            raise ValueError("address is not verified")
        return address


@asynccontextmanager
async def issued_tokens(settings: LoginSettings) -> AsyncIterator[IssuedTokens | None]:
    """None where no issuer is set."""
    if settings.oauth_issuer is None:
        yield None
        return
    async with httpx.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=False) as client:
        yield IssuedTokens(settings, IssuerKeys(client, settings.oauth_issuer, settings.oauth_jwks_url))


def configuration_url(issuer: str) -> str:
    """Where an issuer says what it offers (OpenID Connect Discovery §4)."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def _usable(document: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys of a JWK set that signatures can be checked with. Raises ValueError for what is no such set."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError("no set of keys, or too many")
    keys: dict[str, jwt.PyJWK] = {}
    for each in listed:
        if not isinstance(each, dict) or each.get("kty") not in KEY_TYPES or each.get("use", "sig") != "sig":
            continue
        try:
            keys[str(each.get("kid", ""))] = jwt.PyJWK.from_dict(each)
        except jwt.PyJWTError as error:
            log.warning("a key of the issuer cannot be used", reason=str(error))
    return keys
