"""SCRAM-SHA-256 against the RFC's example, an independent client, and whoever meddles with its messages."""

import hmac
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.sasl import (
    Challenge,
    Disproved,
    Invalid,
    KeysWanted,
    Outcome,
    Proved,
    ScramSha256,
    Terms,
    derive_keys,
    start,
)
from mailstead.wire.sasl.saslprep import saslprep

# RFC 7677 §3
NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
KEYS = derive_keys("pencil", SALT, 4096)
TERMS = Terms(None, SERVER_NONCE)
BINDING = sha256(b"a certificate").digest()
BOUND = Terms(BINDING, SERVER_NONCE)
PLUS, PLAIN = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"


def began(first: bytes, name: str = PLAIN, terms: Terms = TERMS) -> ScramSha256:
    """After the client's first message, the keys supplied where they were wanted."""
    exchange = start(name, first, terms)
    assert isinstance(exchange, ScramSha256)
    if isinstance(exchange.outcome, KeysWanted):
        exchange.supply(KEYS)
    return exchange


def final(exchange: ScramSha256, header: bytes, binding: bytes = b"", password: str = "pencil", bare: bytes = b"") -> bytes:
    """The client's last message, computed as RFC 5802 §3 says and not by the code under test."""
    assert isinstance(exchange.outcome, Challenge)
    server_first = exchange.outcome.data
    said = dict(part.split(b"=", 1) for part in server_first.split(b","))
    salted = pbkdf2_hmac("sha256", password.encode(), b64decode(said[b"s"]), int(said[b"i"]))
    without_proof = b"c=" + b64encode(header + binding) + b",r=" + said[b"r"]
    message = b",".join((bare or b"n=user,r=" + NONCE.encode(), server_first, without_proof))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return without_proof + b",p=" + b64encode(proof)


def first(header: bytes) -> bytes:
    return header + b"n=user,r=" + NONCE.encode()


def test_the_example_of_rfc_7677() -> None:
    exchange = start(PLAIN, None, TERMS)
    assert isinstance(exchange, ScramSha256)
    assert exchange.outcome == Challenge(b"")
    assert exchange.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == KeysWanted("user")
    exchange.supply(KEYS)
    assert exchange.outcome == Challenge(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    outcome = exchange.step(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert outcome == Challenge(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert exchange.step(b"") == Proved("user")


@pytest.mark.parametrize(
    ("name", "terms", "header", "bound", "outcome"),
    [
        (PLAIN, TERMS, b"n,,", b"", Proved("user")),
        (PLAIN, TERMS, b"y,,", b"", Proved("user")),  # the client could bind, we cannot
        (PLAIN, BOUND, b"n,,", b"", Proved("user")),  # the client cannot
        (PLUS, BOUND, b"p=tls-server-end-point,,", BINDING, Proved("user")),
        (PLUS, BOUND, b"p=tls-server-end-point,,", b"another certificate", Invalid("another channel is bound")),
        (PLUS, BOUND, b"p=tls-server-end-point,,", b"", Invalid("another channel is bound")),
        (PLAIN, TERMS, b"n,a=user,", b"", Proved("user")),
    ],
)
def test_channels_are_bound(name: str, terms: Terms, header: bytes, bound: bytes, outcome: Outcome) -> None:
    exchange = began(first(header), name, terms)
    if isinstance(exchange.step(final(exchange, header, bound)), Challenge):
        exchange.step(b"")
    assert exchange.outcome == outcome


@pytest.mark.parametrize(
    ("name", "terms", "header"),
    [
        (PLAIN, BOUND, b"y,,"),  # RFC 5802 §6: -PLUS was offered, so somebody hid it
        (PLAIN, BOUND, b"p=tls-server-end-point,,"),
        (PLAIN, TERMS, b"p=tls-server-end-point,,"),
        (PLUS, BOUND, b"n,,"),
        (PLUS, BOUND, b"y,,"),
        (PLUS, BOUND, b"p=tls-unique,,"),
        (PLUS, TERMS, b"p=tls-server-end-point,,"),
        (PLAIN, TERMS, b"n,a=root,"),
    ],
)
def test_a_downgrade_is_refused(name: str, terms: Terms, header: bytes) -> None:
    assert isinstance(began(first(header), name, terms).outcome, Invalid)


@pytest.mark.parametrize(
    "message",
    [b"", b"n,,", b"n=user,r=x", b"n,,m=x,n=user,r=x", b"n,,n=us=er,r=x", b"n,,n=user,r=", b"n,,n=\xff,r=x", b"n,,n=a\0b,r=x",
     b"n,,n=" + b"x" * 256 + b",r=x", b"n,,n=user,r=" + b"x" * 257, b"q,,n=user,r=x", b"n,n=user,r=x"],
)  # fmt: skip
def test_what_is_no_first_message_is_invalid(message: bytes) -> None:
    assert isinstance(began(message).outcome, Invalid)


def test_names_are_unescaped_and_prepared() -> None:
    assert start(PLAIN, b"n,,n=a=2Cb=3D" + "ﬁ\u00ad".encode() + b",r=x").outcome == KeysWanted("a,b=fi")


def test_a_wrong_password_is_disproved_and_a_wrong_nonce_invalid() -> None:
    exchange = began(first(b"n,,"))
    assert exchange.step(final(exchange, b"n,,", password="pen")) == Disproved("user")
    exchange = began(first(b"n,,"))
    assert isinstance(exchange.step(final(exchange, b"n,,").replace(b"%hv", b"%hw")), Invalid)


def test_nothing_follows_the_last_message() -> None:
    exchange = began(first(b"n,,"))
    exchange.step(final(exchange, b"n,,"))
    assert isinstance(exchange.step(b"more"), Invalid)


@given(st.binary(max_size=300), st.lists(st.binary(max_size=300), max_size=3), st.sampled_from((PLAIN, PLUS)))
def test_no_octets_raise(initial: bytes, responses: list[bytes], name: str) -> None:
    exchange = began(initial, name, BOUND)
    for response in responses:
        if isinstance(exchange.outcome, Challenge):
            exchange.step(response)
    assert not isinstance(exchange.outcome, Proved)


@given(st.data())
def test_no_changed_octet_proves_anything(data: st.DataObject) -> None:
    exchange = began(first(b"n,,"))
    message = bytearray(final(exchange, b"n,,"))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))
    assert isinstance(exchange.step(bytes(message)), Disproved | Invalid)


def test_no_keys_in_a_repr() -> None:
    assert str(KEYS.server_key) not in repr(KEYS)


# RFC 4013 §3
@pytest.mark.parametrize(
    ("text", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")],
)
def test_saslprep(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u06271", "\ue000", "\u0627a\u0627"])
def test_saslprep_prohibits(text: str) -> None:
    with pytest.raises(ValueError, match=r"prohibited|mixed"):
        saslprep(text)
