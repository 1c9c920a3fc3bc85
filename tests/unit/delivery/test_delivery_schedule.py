"""The retry curve: pauses, jitter, expiry, the moment of the delay notice."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.schedule import delay_is_news
from mailstead.model.retry import RetryCurve, next_attempt, pause

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CURVE = RetryCurve()


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 240), (8, 240), (10_000, 240)]
)
def test_pauses_double_up_to_four_hours(attempts: int, minutes: int) -> None:
    assert pause(CURVE, attempts, 0.5) == timedelta(minutes=minutes)


def test_jitter_goes_to_either_side() -> None:
    assert pause(CURVE, 1, 0.0) == timedelta(minutes=4)
    assert pause(CURVE, 1, 0.75) == timedelta(minutes=5.5)


def test_the_last_attempt_falls_on_the_expiry() -> None:
    assert next_attempt(CURVE, 8, NOW, NOW + timedelta(minutes=30), 0.5) == NOW + timedelta(minutes=30)


def test_after_the_expiry_there_is_none() -> None:
    assert next_attempt(CURVE, 1, NOW, NOW, 0.5) is None


@given(
    attempts=st.integers(1, 100_000),
    chance=st.floats(0, 1, exclude_max=True),
    left=st.integers(1, 10_000_000),
    first=st.floats(0.01, 86_400),
    factor=st.floats(1, 100),
)
def test_the_next_attempt_is_later_and_never_after_the_expiry(
    attempts: int, chance: float, left: int, first: float, factor: float
) -> None:
    curve = RetryCurve(first=timedelta(seconds=first), factor=factor)
    due = next_attempt(curve, attempts, NOW, NOW + timedelta(seconds=left), chance)
    assert due is not None and NOW < due <= NOW + timedelta(seconds=left)
    assert due - NOW <= curve.longest * 1.2


def test_a_delay_is_told_once_and_not_too_early() -> None:
    hours = timedelta(hours=4)
    assert not delay_is_news(NOW - timedelta(hours=3), NOW, hours, already_told=False)
    assert delay_is_news(NOW - hours, NOW, hours, already_told=False)
    assert not delay_is_news(NOW - timedelta(days=1), NOW, hours, already_told=True)
