"""Bearer tokens against a real issuer on loopback: what is good, what is not, and how often the issuer is asked."""

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kit.issuer import AUDIENCE, Issuer, running_issuer
from mailstead.model.failure import Failure, Refused
from mailstead.ops import oidc
from mailstead.ops.oidc import IssuedTokens, issued_tokens
from mailstead.ops.settings import LoginSettings

ALICE = "alice@a.test"


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


@pytest.fixture
async def tokens(issuer: Issuer) -> AsyncIterator[IssuedTokens]:
    async with issued_tokens(LoginSettings(oauth_issuer=issuer.url, oauth_audience=AUDIENCE, oauth_scope="mail")) as made:
        assert made is not None
        yield made


async def refusal(tokens: IssuedTokens, token: str) -> Failure | None:
    try:
        await tokens.account(token)
    except Refused as refused:
        return refused.failure
    return None


async def test_a_good_token_names_its_account(tokens: IssuedTokens, issuer: Issuer) -> None:
    assert await tokens.account(issuer.token(ALICE)) == ALICE
    assert await tokens.account(issuer.token(ALICE, aud=["other", AUDIENCE])) == ALICE
    assert await tokens.account(issuer.token(ALICE, scope=None, scp=["mail"])) == ALICE
    assert issuer.requests == ["/.well-known/openid-configuration", "/keys"], "fetched once"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("ES384", ec.generate_private_key(ec.SECP384R1())),
        ("PS256", rsa.generate_private_key(65537, 2048)),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
async def test_other_keys(tokens: IssuedTokens, issuer: Issuer, algorithm: str, key: Any) -> None:
    issuer.add("other", algorithm, key)
    assert await tokens.account(issuer.token(ALICE, "other")) == ALICE


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"aud": "another service"},
        {"aud": None},
        {"iss": "https://another.test"},
        {"nbf": 4_000_000_000},
        {"email": None},
        {"email": ""},
        {"email": ["a"]},
        {"email_verified": False},
        {"scope": "openid"},
        {"scope": None},
        {"scope": 7},
    ],
)
async def test_a_token_that_is_not_good(tokens: IssuedTokens, issuer: Issuer, changes: dict[str, Any]) -> None:
    assert await refusal(tokens, issuer.token(ALICE, **changes)) is Failure.BAD_CREDENTIALS


async def test_what_others_signed_is_refused(tokens: IssuedTokens, issuer: Issuer) -> None:
    claims = {"iss": issuer.url, "aud": AUDIENCE, "exp": int(time.time()) + 60, "email": ALICE, "scope": "mail"}
    stranger = rsa.generate_private_key(65537, 2048)
    published = issuer.published()["keys"][0]["n"]
    for token in (
        jwt.encode(claims, stranger, "RS256", headers={"kid": "rsa"}),
        jwt.encode(claims, published.ljust(64, "x"), "HS256", headers={"kid": "rsa"}),  # the public key as a secret
        jwt.encode(claims, "", "none", headers={"kid": "rsa"}),
        jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "rsa"}),  # not by a key of that type
        base64.urlsafe_b64encode(b"[" * 6_000).decode() + ".e30.x",
        issuer.token(ALICE)[:-8],
        "no.token.at all",
        "",
        "x" * 10_000,
    ):
        assert await refusal(tokens, token) is Failure.BAD_CREDENTIALS


async def test_unknown_keys_are_looked_for_now_and_then(
    tokens: IssuedTokens, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await tokens.account(issuer.token(ALICE)) == ALICE
    issuer.add("new", "ES256", ec.generate_private_key(ec.SECP256R1()))
    fetched = len(issuer.requests)
    assert [await refusal(tokens, issuer.token(ALICE, "new")) for _ in range(5)] == [Failure.BAD_CREDENTIALS] * 5
    assert len(issuer.requests) == fetched, "strangers do not make us ask"
    monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0.0)
    assert await tokens.account(issuer.token(ALICE, "new")) == ALICE


async def test_an_issuer_that_is_away(tokens: IssuedTokens, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer.away = True
    assert await refusal(tokens, issuer.token(ALICE)) is Failure.UNAVAILABLE
    issuer.away = False
    monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0.0)
    assert await tokens.account(issuer.token(ALICE)) == ALICE
    issuer.away = True
    monkeypatch.setattr(oidc, "FRESH_SECONDS", 0.0)
    assert await tokens.account(issuer.token(ALICE)) == ALICE, "the keys of before are good for a while"
    monkeypatch.setattr(oidc, "STALE_SECONDS", 0.0)
    assert await refusal(tokens, issuer.token(ALICE)) is Failure.UNAVAILABLE


@pytest.mark.parametrize("document", [b"[]", b"{}", b"x", b'{"keys": 1}', b'{"keys": [' + b"{}," * 100 + b"{}]}", b" " * 300_000])
async def test_what_is_no_set_of_keys(tokens: IssuedTokens, issuer: Issuer, document: bytes) -> None:
    issuer.document = document
    assert await refusal(tokens, issuer.token(ALICE)) is Failure.UNAVAILABLE


async def test_without_an_issuer_there_are_no_tokens() -> None:
    async with issued_tokens(LoginSettings()) as made:
        assert made is None


@pytest.mark.parametrize(
    "issuer_url", ["http://issuer.test", "issuer.test", "https://issuer.test/?x", "http://127.0.0.1.evil.test"]
)
def test_an_issuer_is_asked_over_tls(issuer_url: str) -> None:
    with pytest.raises(ValueError, match="oauth_issuer"):
        LoginSettings(oauth_issuer=issuer_url)
