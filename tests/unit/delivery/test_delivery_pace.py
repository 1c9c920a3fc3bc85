"""How many attempts a destination gets at a time."""

from hypothesis import given
from hypothesis import strategies as st

from delivery import pace
from delivery.pace import Pace, PacePolicy


def test_it_grows_by_one_for_each_round_of_successes_and_halves_with_a_complaint() -> None:
    known = Pace(PacePolicy(first=2, most=10))
    assert known.window("a.test") == 2
    for _ in range(3):
        known.went_well("a.test")
    assert known.window("a.test") == 3
    for _ in range(200):
        known.went_well("a.test")
    assert known.window("a.test") == 10
    windows = []
    for _ in range(5):
        known.complained("a.test")
        windows.append(known.window("a.test"))
    assert windows == [5, 2, 1, 1, 1]
    assert known.window("b.test") == 2


def test_the_first_window_is_not_above_the_most() -> None:
    assert Pace(PacePolicy(first=5, most=1)).window("a.test") == 1


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 20), st.integers(1, 50))
def test_it_stays_within_its_bounds(heard: list[bool], first: int, most: int) -> None:
    known = Pace(PacePolicy(first, most))
    for well in heard:
        (known.went_well if well else known.complained)("a.test")
        assert 1 <= known.window("a.test") <= most


def test_it_remembers_so_many() -> None:
    known = Pace(PacePolicy(first=2, most=10))
    for n in range(pace.MAX_KNOWN + 1):
        known.complained(f"{n}.test")
    assert (known.window("0.test"), known.window("1.test")) == (2, 1)
