"""OAUTHBEARER and XOAUTH2: the RFC's examples, what is no client response, and how a refusal is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.sasl import OAUTH_MECHANISMS, Challenge, Invalid, OAuthBearer, Token, XOAuth2, start

# RFC 7628 §4.1, without its GS2 header's user; §4.2
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
HEADER = b"n,a=user@example.com,"
PAIRS = b"\1host=server.example.com\1port=143\1auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"


@pytest.mark.parametrize(
    ("name", "response", "token"),
    [
        ("OAUTHBEARER", HEADER + PAIRS, Token("user@example.com", TOKEN)),
        ("OAUTHBEARER", b"n,," + PAIRS, Token("", TOKEN)),
        ("OAUTHBEARER", b"y,a=a=2Cb=3D," + PAIRS, Token("a,b=", TOKEN)),
        ("OAUTHBEARER", b"n,,\1auth=bearer x\1\1", Token("", "x")),
        ("XOAUTH2", b"user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1",
         Token("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")),
    ],
)  # fmt: skip
def test_a_token_is_found(name: str, response: bytes, token: Token) -> None:
    assert start(name, response).outcome == token
    assert start(name, None).step(response) == token
    assert token.token not in repr(token)


@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("OAUTHBEARER", b""),
        ("OAUTHBEARER", b"\1"),
        ("OAUTHBEARER", PAIRS),
        ("OAUTHBEARER", HEADER + b"\1host=x\1\1"),
        ("OAUTHBEARER", HEADER + b"\1auth=Basic eA==\1\1"),
        ("OAUTHBEARER", HEADER + b"\1auth=Bearer \1\1"),
        ("OAUTHBEARER", HEADER + b"\1auth=Bearer a b\1\1"),
        ("OAUTHBEARER", HEADER + b"\1auth=Bearer x\1"),
        ("OAUTHBEARER", b"p=tls-unique,," + PAIRS),
        ("OAUTHBEARER", b"n,a=\xff," + PAIRS),
        ("OAUTHBEARER", b"n,a=" + b"x" * 256 + b"," + PAIRS),
        ("XOAUTH2", b"auth=Bearer x\1\1"),
        ("XOAUTH2", b"user=a\1auth=Bearer x\1"),
    ],
)
def test_what_bears_no_token_is_invalid(name: str, response: bytes) -> None:
    assert isinstance(start(name, response).outcome, Invalid)


@pytest.mark.parametrize(("name", "answer"), [("OAUTHBEARER", b"\1"), ("XOAUTH2", b""), ("OAUTHBEARER", HEADER + PAIRS)])
def test_a_refusal_is_told_and_acknowledged(name: str, answer: bytes) -> None:
    exchange = start(name, HEADER + PAIRS if name == "OAUTHBEARER" else b"user=a\1auth=Bearer x\1\1")
    assert isinstance(exchange, OAuthBearer | XOAuth2)
    exchange.refuse(b'{"status":"invalid_token"}')
    assert exchange.outcome == Challenge(b'{"status":"invalid_token"}')
    assert exchange.step(answer) == Invalid("token refused")


@given(st.binary(max_size=400), st.sampled_from(OAUTH_MECHANISMS))
def test_no_octets_raise(response: bytes, name: str) -> None:
    start(name, response)
    start(name, HEADER + b"\1" + response + b"\1\1")
