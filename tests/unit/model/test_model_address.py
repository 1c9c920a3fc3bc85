"""Addresses as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.model.address import MAX_DOMAIN, MAX_ROUTED_LOCAL_PART, Address


@pytest.mark.parametrize(
    ("text", "local_part", "domain"),
    [
        ("alice@example.org", "alice", "example.org"),
        ("Alice@EXAMPLE.org", "Alice", "example.org"),
        ("alice@example.org.", "alice", "example.org"),
        ('"a@b"@example.org', '"a@b"', "example.org"),
        ("a+tag@example.org", "a+tag", "example.org"),
        ("jörg@müller.example", "jörg", "müller.example"),
        ("x" * MAX_ROUTED_LOCAL_PART + "@example.org", "x" * MAX_ROUTED_LOCAL_PART, "example.org"),
        ("a@" + "d" * MAX_DOMAIN, "a", "d" * MAX_DOMAIN),
    ],
)
def test_an_address_splits_at_the_last_at(text: str, local_part: str, domain: str) -> None:
    assert Address.parse(text) == Address(local_part, domain)


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "alice", "alice@", "@example.org", "a@.", "a b@example.org", "a@exam ple.org", "a\r\n@example.org",
        "a\0@example.org", "a\x7f@example.org", "x" * (MAX_ROUTED_LOCAL_PART + 1) + "@example.org", "a@" + "d" * (MAX_DOMAIN + 1),
        "\udc80@example.org",
    ],
)  # fmt: skip
def test_what_cannot_be_an_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Address.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = Address.parse(text)
    except ValueError:
        return
    assert Address.parse(str(address)) == address


def test_our_own_directory_disregards_case() -> None:
    assert Address.parse("Alice@Example.ORG").key == "alice@example.org"
    assert str(Address.parse("Alice@Example.ORG")) == "Alice@example.org"
