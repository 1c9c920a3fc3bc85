"""THREAD as a pure function: the algorithms of RFC 5256 §3, step by step, and what must hold of any threads."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.grammar.requests import ThreadAlgorithm
from imap.threading import by_references, render, thread_line
from mailstead.store.search import Threadable
from mailstead.wire.subject import base_subject

DAY_ONE = datetime(2026, 11, 1, tzinfo=UTC)


def mail(number: int, own: str, *ancestors: str, subject: str = "", day: int | None = None) -> tuple[int, Threadable]:
    base = base_subject(subject)
    sent = DAY_ONE + timedelta(days=number if day is None else day)
    return number, Threadable(number, own, list(ancestors), base.text.upper(), base.is_reply, sent)


def references(*messages: tuple[int, Threadable]) -> str:
    return render(by_references(messages)).decode()


@pytest.mark.parametrize(
    ("messages", "threads"),
    [
        ((), ""),
        ((mail(1, "a"),), "(1)"),
        ((mail(1, "a"), mail(2, "b", "a"), mail(3, "c", "a", "b")), "(1 2 3)"),
        # the example of RFC 5256 §4
        (
            (mail(2, "2"), mail(3, "3"), mail(6, "6", "3"), mail(4, "4", "6"), mail(23, "23", "4"), mail(44, "44", "6"),
             mail(7, "7", "44"), mail(96, "96", "7")),
            "(2)(3 6 (4 23)(44 7 96))",
        ),
        # step 1A: whoever comes first, references link those that come later
        ((mail(1, "c", "a", "b"), mail(2, "b", "a"), mail(3, "a")), "(3 2 1)"),
        # step 1B: what a message says of itself counts more than what others say
        ((mail(1, "c", "a", "b"), mail(2, "b", "x"), mail(3, "a"), mail(4, "x")), "(3)(4 2 1)"),
        # … and may say that it has no parent
        ((mail(1, "c", "a", "b"), mail(2, "b"), mail(3, "a")), "(2 1)(3)"),
        # step 1: an identifier that two messages have is the first one's
        ((mail(1, "a"), mail(2, "a"), mail(3, "b", "a")), "(1 3)(2)"),
        ((mail(1, ""), mail(2, "")), "(1)(2)"),
        # no loops
        ((mail(1, "a", "b"), mail(2, "b", "a")), "(2 1)"),
        ((mail(1, "a", "a"),), "(1)"),
        ((mail(1, "a", "b", "c", "b"),), "(1)"),
        # step 3: what is not there goes, but holds brothers together at the top
        ((mail(1, "b", "gone"), mail(2, "c", "gone")), "((1)(2))"),
        ((mail(1, "b", "gone"),), "(1)"),
        ((mail(1, "a"), mail(2, "b", "a", "gone"), mail(3, "c", "a", "gone")), "(1 (2)(3))"),
        # steps 4 and 6: by date, then by number
        ((mail(1, "a", day=9), mail(2, "b", day=1), mail(3, "c", "a", day=8), mail(4, "d", "a", day=7)), "(2)(1 (4)(3))"),
        ((mail(1, "a", day=5), mail(2, "b", day=5)), "(1)(2)"),
        # step 5: by subject
        ((mail(1, "a", subject="x"), mail(2, "b", subject="Re: x")), "(1 2)"),
        ((mail(1, "a", subject="Re: x"), mail(2, "b", subject="x")), "(2 1)"),
        ((mail(1, "a", subject="x"), mail(2, "b", subject="X")), "((1)(2))"),
        ((mail(1, "a", subject="Re: x"), mail(2, "b", subject="re: x")), "((1)(2))"),
        ((mail(1, "a", subject=""), mail(2, "b", subject="Re:")), "(1)(2)"),
        (
            (mail(1, "a", "gone", subject="x"), mail(2, "b", "gone", subject="x"), mail(3, "c", subject="x")),
            "((1)(2)(3))",
        ),
        (
            (mail(1, "a", "g", subject="x"), mail(2, "b", "g", subject="x"), mail(3, "c", "h", subject="x"),
             mail(4, "d", "h", subject="x")),
            "((1)(2)(3)(4))",
        ),
        ((mail(1, "a", subject="x"), mail(2, "b", subject="x"), mail(3, "c", subject="x")), "((1)(2)(3))"),
        (
            (mail(1, "a", subject="Re: x"), mail(2, "b", subject="x"), mail(3, "c", subject="x"), mail(4, "d", subject="Re: x")),
            "((2 1)(3)(4))",
        ),
    ],
)  # fmt: skip
def test_references(messages: tuple[tuple[int, Threadable], ...], threads: str) -> None:
    assert references(*messages) == threads


def test_ordered_subject() -> None:
    """RFC 5256 §3: by base subject, then by date; the first of a subject is the parent of all others."""
    messages = [
        mail(1, "a", subject="b", day=3),
        mail(2, "b", subject="Re: a", day=2),
        mail(3, "c", subject="a", day=1),
        mail(4, "d", subject="[list] a", day=4),
        mail(5, "e", day=0),
    ]
    assert thread_line(ThreadAlgorithm.ORDEREDSUBJECT, messages) == b"* THREAD (5)(3 (2)(4))(1)\r\n"
    assert thread_line(ThreadAlgorithm.ORDEREDSUBJECT, []) == b"* THREAD\r\n"


ids = st.sampled_from("abcdefgh")
mailboxes = st.lists(
    st.tuples(ids, st.lists(ids, max_size=5), st.sampled_from(["", "x", "Re: x", "y"]), st.integers(0, 5)), max_size=12
)


@given(mailboxes, st.sampled_from(ThreadAlgorithm))
def test_every_message_is_in_one_thread(drawn: list[tuple[str, list[str], str, int]], algorithm: ThreadAlgorithm) -> None:
    """And the answer has the form of `thread-list`."""
    messages = [
        mail(number, own, *ancestors, subject=subject, day=day) for number, (own, ancestors, subject, day) in enumerate(drawn, 1)
    ]
    line = thread_line(algorithm, messages).decode()
    assert sorted(map(int, re.findall(r"\d+", line))) == list(range(1, len(drawn) + 1))
    rest = line.removeprefix("* THREAD").strip()
    nested = re.compile(r"\((?:\d+(?: \d+)*(?: T{2,})?|T{2,})\)")
    while (shorter := nested.sub("T", rest)) != rest:
        rest = shorter
    assert set(rest) <= {"T"}


def test_a_thread_may_be_as_deep_as_it_likes() -> None:
    """No recursion, and no time that grows with the square of what strangers send."""
    count = 20_000
    chain = [mail(n, str(n), str(n - 1)) for n in range(1, count)]
    assert references(*chain) == f"({' '.join(str(n) for n in range(1, count))})"
    backwards = [mail(n, str(count - n), str(count - n - 1), day=count - n) for n in range(1, count)]
    assert references(*backwards).count("(") == 1
    brothers = [mail(n, str(n), "0") for n in range(1, count)]
    assert references(*brothers).count("(") == count
