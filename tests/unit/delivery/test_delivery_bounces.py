"""Replies as other hosts give them, and what they are about."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.bounces import classify
from mailstead.model.bounce import BounceClass

GOLDEN = Path(__file__).parents[2] / "golden" / "bounces" / "replies.txt"
REPLIES = [
    tuple(part.strip() for part in line.split("|", 2))
    for line in GOLDEN.read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("kind", "status", "reply"), REPLIES, ids=[reply[:40] for _, _, reply in REPLIES])
def test_what_is_said(kind: str, status: str, reply: str) -> None:
    assert classify(status, reply) == BounceClass(kind)


def test_there_is_an_example_of_each() -> None:
    assert {kind for kind, _, _ in REPLIES} == set(BounceClass)


@given(st.from_regex(r"[45]\.\d{1,3}\.\d{1,3}", fullmatch=True), st.text(max_size=5000))
def test_anything_has_a_class(status: str, reply: str) -> None:
    assert classify(status, reply) in BounceClass
