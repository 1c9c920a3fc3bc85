"""Sequence numbers, as a plain table: view before, delta, what is told, view after."""

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.view import Exists, Expunged, FlagsChanged, NoSuchNumber, Untagged, View
from mailstead.model.flags import Flags
from mailstead.model.sequence_set import STAR, SequenceSet
from mailstead.store.changes import Delta
from mailstead.store.flag_changes import FlagRow


def row(uid: int, modseq: int = 9) -> FlagRow:
    return FlagRow(uid, modseq, Flags())


def delta(arrived: Sequence[int] = (), changed: Sequence[int] = (), vanished: Sequence[int] = (), modseq: int = 9) -> Delta:
    uidnext = max(arrived, default=0) + 1
    return Delta(modseq, uidnext, [row(uid) for uid in arrived], [row(uid) for uid in changed], list(vanished), True)


TABLE: list[tuple[str, list[int], Delta, bool, list[Untagged], list[int]]] = [
    ("nothing", [1, 2], delta(), True, [], [1, 2]),
    ("new", [1], delta([5, 6]), True, [Exists(3)], [1, 5, 6]),
    ("new in empty", [], delta([5]), True, [Exists(1)], [5]),
    ("flags", [1, 5], delta(changed=[5]), True, [FlagsChanged(((2, row(5)),))], [1, 5]),
    ("flags of a stranger", [1, 5], delta(changed=[3]), True, [], [1, 5]),
    ("gone", [1, 5, 7], delta(vanished=[1, 7]), True, [Expunged((3, 1), (7, 1))], [5]),
    ("gone, but not now", [1, 5, 7], delta(vanished=[1, 7]), False, [], [1, 5, 7]),
    ("all gone: no EXISTS", [1, 5], delta(vanished=[1, 5]), True, [Expunged((2, 1), (5, 1))], []),
    ("came and went between two looks", [1], delta(vanished=[4]), True, [], [1]),
    (
        "all at once: numbers after the EXPUNGE",
        [1, 5, 7],
        delta([9], [7], [1]),
        True,
        [Expunged((1,), (1,)), Exists(3), FlagsChanged(((2, row(7)),))],
        [5, 7, 9],
    ),
    (
        "all at once without EXPUNGE",
        [1, 5, 7],
        delta([9], [7], [1]),
        False,
        [Exists(4), FlagsChanged(((3, row(7)),))],
        [1, 5, 7, 9],
    ),
]


@pytest.mark.parametrize(("before", "change", "expunge", "told", "after"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_apply(before: list[int], change: Delta, expunge: bool, told: list[Untagged], after: list[int]) -> None:
    view = View(array("I", before), 5, max(before, default=0) + 1)
    assert view.apply(change, expunge=expunge) == told
    assert list(view.uids) == after
    assert view.modseq == 9


def test_withheld_expunges_leave_later() -> None:
    view = View(array("I", [1, 5, 7]), 5, 8)
    view.apply(delta(vanished=[5]), expunge=False)
    assert view.release() == Expunged((2,), (5,))
    assert view.release() is None
    assert list(view.uids) == [1, 7]


def test_own_flag_changes_are_not_told_twice() -> None:
    view = View(array("I", [1, 5]), 5, 6)
    change = Delta(8, 6, [], [row(1, 7), row(5, 8)], [], True)
    assert view.apply(change, expunge=True, told={8}) == [FlagsChanged(((1, row(1, 7)),))]


@pytest.mark.parametrize(("modseq", "known", "after"), [(6, True, 6), (7, False, 5), (5, True, 5)])
def test_follows(modseq: int, known: bool, after: int) -> None:
    view = View(array("I"), 5, 1)
    assert view.follows(modseq) is known
    assert view.modseq == after


@pytest.mark.parametrize(
    ("ranges", "by_uid", "uids"),
    [
        (((1, 1),), False, [10]),
        (((1, STAR),), False, [10, 20, 30]),
        (((STAR, STAR),), False, [30]),
        (((3, 2), (2, 2)), False, [20, 30]),
        (((4, STAR),), False, [30]),
        (((15, 25),), True, [20]),
        (((40, STAR),), True, [30]),  # RFC 9051 §6.4.9: 40:* is 30:40
        (((40, 50),), True, []),
        (((1, 15), (5, 20)), True, [10, 20]),
    ],
)
def test_spans(ranges: tuple[tuple[int, int], ...], by_uid: bool, uids: list[int]) -> None:
    view = View(array("I", [10, 20, 30]), 1, 31)
    spans = view.spans(SequenceSet(ranges), by_uid)
    assert [uid for span in spans for uid in view.uids[span.start : span.stop]] == uids


def test_numbers_that_do_not_exist() -> None:
    view = View(array("I", [10]), 1, 11)
    with pytest.raises(NoSuchNumber):
        view.spans(SequenceSet(((1, 2),)), False)


@pytest.mark.parametrize("ranges", [((1, STAR),), ((STAR, 1),), ((STAR, STAR),)])
@pytest.mark.parametrize("by_uid", [False, True])
def test_an_empty_mailbox_has_nothing(ranges: tuple[tuple[int, int], ...], by_uid: bool) -> None:
    assert View(array("I"), 1, 1).spans(SequenceSet(ranges), by_uid) == []


uid_sets = st.lists(st.integers(1, 300), unique=True, max_size=100).map(sorted)


@given(uid_sets, st.integers(1, 10), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=4).map(tuple))
def test_pages_hold_all_that_is_addressed(uids: list[int], size: int, ranges: tuple[tuple[int, int], ...]) -> None:
    view = View(array("I", uids), 1, 301)
    targets = SequenceSet(ranges)
    pages = list(view.pages(view.spans(targets, True), size))
    expected = [uid for uid in uids if uid in targets.resolve(uids[-1])]
    assert [uid for _, page in pages for uid in page] == expected
    assert [view.number_of(uid) for uid in expected] == [number for numbers, _ in pages for number in numbers]
    assert all(len(page) == size for _, page in pages[:-1])


@given(uid_sets, st.lists(st.tuples(uid_sets, st.booleans()), max_size=6))
def test_a_client_that_believes_what_it_is_told_sees_the_same(uids: list[int], rounds: list[tuple[list[int], bool]]) -> None:
    """The client keeps a list by EXPUNGE and EXISTS alone; its length and the view's always agree."""
    view = View(array("I", uids), 1, 1000)
    client = list(uids)
    following = 1000
    for vanished, expunge in rounds:
        arrived = [following, following + 1]
        following += 2
        for item in view.apply(delta(arrived, (), vanished), expunge=expunge):
            match item:
                case Expunged(numbers):
                    for number in numbers:
                        del client[number - 1]
                case Exists(messages):
                    client += arrived
                    assert len(client) == messages
        assert client == list(view.uids)
