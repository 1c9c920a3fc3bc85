"""PLAIN and LOGIN as values: what each sequence of responses ends in, and what the base64 layer refuses."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.sasl import (
    MAX_FIELD,
    MAX_RESPONSE,
    MECHANISMS,
    Cancelled,
    Challenge,
    Credentials,
    Invalid,
    MalformedResponse,
    Outcome,
    UnknownMechanism,
    decode_response,
    encode_challenge,
    start,
)

ALICE = Credentials("", "alice@a.test", "s3cret")


def play(name: str, initial: bytes | None, *responses: bytes) -> Outcome:
    exchange = start(name, initial)
    for response in responses:
        exchange.step(response)
    return exchange.outcome


@pytest.mark.parametrize(
    ("name", "initial", "responses", "outcome"),
    [
        ("PLAIN", b"\0alice@a.test\0s3cret", [], ALICE),
        ("plain", None, [b"\0alice@a.test\0s3cret"], ALICE),
        ("PLAIN", b"bob\0alice\0pw", [], Credentials("bob", "alice", "pw")),
        ("PLAIN", "\0ålice\0pÄss".encode(), [], Credentials("", "ålice", "pÄss")),
        ("PLAIN", None, [], Challenge(b"")),
        ("LOGIN", None, [], Challenge(b"Username:")),
        ("LOGIN", b"alice@a.test", [], Challenge(b"Password:")),
        ("Login", None, [b"alice@a.test", b"s3cret"], ALICE),
        ("LOGIN", b"alice@a.test", [b"s3cret"], ALICE),
    ],
)
def test_an_exchange_ends_as_the_mechanism_says(
    name: str, initial: bytes | None, responses: list[bytes], outcome: Outcome
) -> None:
    assert play(name, initial, *responses) == outcome


@pytest.mark.parametrize(
    ("name", "responses"),
    [
        ("PLAIN", [b""]),
        ("PLAIN", [b"alice\0pw"]),
        ("PLAIN", [b"\0alice\0pw\0more"]),
        ("PLAIN", [b"\0\0pw"]),
        ("PLAIN", [b"\0alice\0"]),
        ("PLAIN", [b"\0alice\0\xff"]),
        ("PLAIN", [b"\0alice\0" + b"x" * (MAX_FIELD + 1)]),
        ("LOGIN", [b"", b"pw"]),
        ("LOGIN", [b"alice", b""]),
        ("LOGIN", [b"ali\0ce", b"pw"]),
        ("LOGIN", [b"\xfe", b"pw"]),
    ],
)
def test_what_cannot_be_credentials_is_invalid(name: str, responses: list[bytes]) -> None:
    assert isinstance(play(name, None, *responses), Invalid)


def test_a_finished_exchange_takes_nothing_more() -> None:
    exchange = start("PLAIN", b"\0a\0b")
    with pytest.raises(RuntimeError):
        exchange.step(b"\0a\0b")


@pytest.mark.parametrize("name", ["", "CRAM-MD5", "PLAIN LOGIN", "ＰＬＡＩＮ"])
def test_unknown_mechanisms_are_named_so(name: str) -> None:
    with pytest.raises(UnknownMechanism):
        start(name, None)


def test_every_advertised_mechanism_starts() -> None:
    assert all(isinstance(start(name, None).outcome, Challenge) for name in MECHANISMS)


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [(ALICE, False), (Credentials("alice", "alice", "x"), False), (Credentials("root", "alice", "x"), True)],
)
def test_asking_for_another_identity_is_seen(credentials: Credentials, expected: bool) -> None:
    assert credentials.impersonates is expected


def test_no_password_in_a_repr() -> None:
    assert "s3cret" not in repr(ALICE)
    assert "s3cret" not in repr(start("PLAIN", b"\0a\0s3cret"))


@given(st.binary(max_size=300))
def test_responses_survive_base64(data: bytes) -> None:
    assert decode_response(b64encode(data)) == data
    assert encode_challenge(Challenge(data)) == b64encode(data)


def test_empty_responses() -> None:
    assert decode_response(b"=") == b""
    assert decode_response(b"") == b""


@pytest.mark.parametrize(
    "line", [b"YQ", b"YQ=", b"Y Q==", b"YQ==\r", b"YR==", b"YQ==YQ==", b"====", b"\xff\xff", b"_-8=", b"A" * (MAX_RESPONSE + 4)]
)
def test_base64_is_strict(line: bytes) -> None:
    with pytest.raises(MalformedResponse):
        decode_response(line)


def test_a_star_cancels() -> None:
    with pytest.raises(Cancelled):
        decode_response(b"*")


@given(st.binary(max_size=400), st.lists(st.binary(max_size=400), max_size=3), st.sampled_from(MECHANISMS))
def test_no_octets_raise(initial: bytes, responses: list[bytes], name: str) -> None:
    exchange = start(name, initial)
    for response in responses:
        if not isinstance(exchange.outcome, Challenge):
            break
        exchange.step(response)
    if isinstance(exchange.outcome, Credentials):
        assert exchange.outcome.user
        assert exchange.outcome.password
