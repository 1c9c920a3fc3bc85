"""Signatures against the RFCs' examples, and against an independent verifier."""

import hashlib
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstead.wire.dkim import (
    Algorithm,
    BodyHash,
    key_record,
    names_to_sign,
    relaxed,
    signed_field,
    signing_input,
    unsigned_field,
)
from mailstead.wire.headers import fields, split_header

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RSA_KEY = rsa.generate_private_key(65537, 2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()


def body_hash(*pieces: bytes) -> bytes:
    made = BodyHash()
    for piece in pieces:
        made.update(piece)
    return made.digest()


def test_the_examples_of_canonicalization() -> None:
    """RFC 6376 §3.4.5, example 1."""
    header = b"A: X\r\nB : Y\t\r\n\tZ  \r\n"
    assert b"".join(map(relaxed, fields(header))) == b"a:X\r\nb:Y Z\r\n"
    assert body_hash(b" C \r\nD \t E\r\n\r\n\r\n") == hashlib.sha256(b" C\r\nD E\r\n").digest()


def test_a_body_of_nothing() -> None:
    """RFC 6376 §3.4.4: relaxed, it hashes as nothing, whether it has no line or empty ones."""
    for body in (b"", b"\r\n", b"\r\n\r\n"):
        assert body_hash(body) == hashlib.sha256(b"").digest()


@given(st.text(alphabet=" \t\r\nab", max_size=60).map(lambda text: text.encode()), st.data())
def test_pieces_do_not_matter(body: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    assert body_hash(*(body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True))) == body_hash(body)


def sign(message: bytes, algorithm: Algorithm) -> tuple[bytes, bytes]:
    """(signed message, key record)."""
    size = split_header(message)
    header, body = message[:size], message[size:]
    names = names_to_sign(header)
    unsigned = unsigned_field(names, body_hash(body), algorithm=algorithm, domain="a.test", selector="s1", now=NOW)
    over = signing_input(header, names, unsigned)
    raw, pkix = serialization.Encoding.Raw, serialization.PublicFormat.SubjectPublicKeyInfo
    if algorithm is Algorithm.RSA_SHA256:
        signature = RSA_KEY.sign(over, padding.PKCS1v15(), hashes.SHA256())
        public = RSA_KEY.public_key().public_bytes(serialization.Encoding.DER, pkix)
    else:
        signature = ED25519_KEY.sign(hashlib.sha256(over).digest())  # RFC 8463 §3
        public = ED25519_KEY.public_key().public_bytes(raw, serialization.PublicFormat.Raw)
    return signed_field(unsigned, signature) + message, key_record(algorithm, public).encode()


def verifies(message: bytes, record: bytes) -> bool:
    return bool(dkim.verify(message, dnsfunc=lambda name, timeout=5: record if name == b"s1._domainkey.a.test." else None))


MESSAGE = (
    b"Received: from x\r\nFrom: Alice <alice@a.test>\r\nTo: bob@b.test,\r\n carol@b.test\r\nSubject:  Hello \t there \r\n"
    b"Date: Sun, 01 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nHello,  Bob. \r\n\r\n\r\n"
)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_an_independent_verifier_is_content(algorithm: Algorithm) -> None:
    signed, record = sign(MESSAGE, algorithm)
    assert verifies(signed, record)
    assert all(len(line) <= 100 for line in signed.split(b"\r\n"))
    # White space may change on the way (relaxed); words, and fields that readers are shown, may not.
    assert verifies(signed.replace(b"Hello,  Bob. ", b"Hello, Bob."), record)
    assert not verifies(signed.replace(b"Bob", b"Rob"), record)
    assert not verifies(b"Subject: another\r\n" + signed, record)
    assert not verifies(signed.replace(b"To: bob", b"Cc: x@c.test\r\nTo: bob"), record)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=" \t\nab:ü", max_size=80), st.text(alphabet=" \tab", max_size=30))
def test_whatever_the_message(body: str, subject: str) -> None:
    text = (body + "\n").replace("\n", "\r\n").encode()  # of an unfinished line of spaces verifiers think differently
    signed, record = sign(b"From: a@a.test\r\nSubject: " + subject.encode() + b"\r\n\r\n" + text, Algorithm.ED25519_SHA256)
    assert verifies(signed, record)
