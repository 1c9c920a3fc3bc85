"""Sequence sets against plain sets of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from mailstead.model.sequence_set import MAX_NUMBER, STAR, SequenceSet

small = st.integers(0, 40)  # 0 is STAR
ranges = st.lists(st.tuples(small, small), max_size=8).map(lambda pairs: SequenceSet(tuple(pairs)))
largest = st.integers(1, 40)


def members(numbers: SequenceSet, top: int) -> set[int]:
    held: set[int] = set()
    for first, last in numbers.ranges:
        first, last = sorted((first or top, last or top))
        held.update(range(first, last + 1))
    return held


@given(st.sets(st.integers(1, 60)))
def test_of_holds_exactly_these_numbers(numbers: set[int]) -> None:
    made = SequenceSet.of(numbers)
    assert members(made, 60) == numbers
    assert all(a[1] + 1 < b[0] for a, b in zip(made.ranges, made.ranges[1:], strict=False))


@given(ranges, largest)
def test_resolving_keeps_the_members(numbers: SequenceSet, top: int) -> None:
    resolved = numbers.resolve(top)
    assert members(resolved, top) == members(numbers, top)
    assert all(first <= last for first, last in resolved.ranges)
    assert all(a[1] + 1 < b[0] for a, b in zip(resolved.ranges, resolved.ranges[1:], strict=False))
    assert resolved.resolve(top) == resolved


@given(ranges, largest, st.sets(st.integers(1, 50)))
def test_selecting_from_what_is_there(numbers: SequenceSet, top: int, there: set[int]) -> None:
    resolved = numbers.resolve(top)
    wanted = sorted(there & members(numbers, top))
    assert list(resolved.select(sorted(there))) == wanted
    assert [n for n in sorted(there) if n in resolved] == wanted


@given(ranges)
def test_it_is_written_as_imap_writes_it(numbers: SequenceSet) -> None:
    text = str(numbers)
    read = tuple(
        (int(a.replace("*", "0")), int((b or a).replace("*", "0")))
        for a, _, b in (part.partition(":") for part in text.split(",") if part)
    )
    assert read == numbers.ranges


def test_star_is_the_largest_whichever_side_it_stands_on() -> None:
    assert SequenceSet(((STAR, STAR),)).resolve(7).ranges == ((7, 7),)
    assert SequenceSet(((5, STAR),)).resolve(3).ranges == ((3, 5),)  # RFC 9051 §9: 5:* always holds the largest
    assert SequenceSet(((1, MAX_NUMBER),)).resolve(3).ranges == ((1, MAX_NUMBER),)
