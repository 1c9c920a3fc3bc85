"""DATA in blocks: dots, ends, limits, and every spelling that has been used to smuggle one message inside another."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_in import replies
from smtp_in.content import Budget, Collector, ContentLimits

LIMITS = ContentLimits(message=100_000, line=1000)


def collect(*blocks: bytes, limits: ContentLimits = LIMITS, budget: Budget | None = None) -> tuple[Collector, bytes | None]:
    """Feed blocks until the end was found; what came after it, or None where it was not."""
    collector = Collector(limits, budget or Budget(10**9))
    for n, block in enumerate(blocks):
        rest = collector.feed(block)
        if rest is not None:
            return collector, rest + b"".join(blocks[n + 1 :])
    return collector, None


def one_by_one(octets: bytes) -> list[bytes]:
    return [octets[n : n + 1] for n in range(len(octets))]


@pytest.mark.parametrize(
    ("wire", "content", "rest"),
    [
        (b".\r\n", b"", b""),
        (b".\r\nQUIT\r\n", b"", b"QUIT\r\n"),
        (b"a\r\n.\r\n", b"a\r\n", b""),
        (b"\r\n.\r\n", b"\r\n", b""),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b"...\r\n.\r\n", b"..\r\n", b""),
        (b".a\r\n.\r\n", b"a\r\n", b""),
        (b"a\r\n..\r\n..b\r\n.\r\nRSET\r\n", b"a\r\n.\r\n.b\r\n", b"RSET\r\n"),
        (b"a\r\n\r\n\r\n.\r\n", b"a\r\n\r\n\r\n", b""),
        (b"a.\r\n.\r\n.\r\n", b"a.\r\n", b".\r\n"),
        (b"a\0b\xff\r\n.\r\n", b"a\0b\xff\r\n", b""),
    ],
)
def test_dots_and_the_end(wire: bytes, content: bytes, rest: bytes) -> None:
    for blocks in ([wire], one_by_one(wire)):
        collector, left = collect(*blocks)
        assert collector.fault is None
        assert left == rest
        assert collector.take() == content


LINES = st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b".")), max_size=20)


@given(LINES, st.lists(st.integers(0, 1000), max_size=10))
def test_any_message_comes_through_however_it_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    wire = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines) + b".\r\nNOOP\r\n"
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    budget = Budget(10**6)
    collector, rest = collect(*(wire[a:b] for a, b in pairwise(edges)), budget=budget)
    assert (collector.fault, rest) == (None, b"NOOP\r\n")
    assert budget.held == len(content)
    assert collector.take() == content
    collector.release()
    assert budget.held == len(content)  # it is the taker's now


SMUGGLING = [  # https://smtpsmuggling.com and its echoes: ends of data in some server's eyes
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r.\n",
    b"\n.\r",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\n\n.\r\n",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\n. \r\n",
]


@pytest.mark.parametrize("spelling", SMUGGLING)
def test_only_one_spelling_ends_a_message(spelling: bytes) -> None:
    smuggled = b"MAIL FROM:<evil@b.test>\r\nRCPT TO:<u@a.test>\r\nDATA\r\nsecond\r\n"
    wire = b"Subject: first\r\n\r\nbody" + spelling + smuggled + b".\r\nQUIT\r\n"
    for blocks in ([wire], one_by_one(wire)):
        collector, rest = collect(*blocks)
        assert rest == b"QUIT\r\n"  # never: the smuggled commands
        bare = spelling.replace(b"\r\n", b"")
        if b"\r" in bare or b"\n" in bare:
            assert collector.fault is replies.BARE_LINE_END_IN_CONTENT
        else:
            assert collector.fault is None
            assert smuggled in collector.take()


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"\n\r\n", b"a\r\r\n", b"\na\r\n", b"\ra\r\n", b"a\n\r\n"])
def test_bare_line_ends_are_refused(content: bytes) -> None:
    for blocks in ([content + b".\r\n"], one_by_one(content + b".\r\n")):
        collector, rest = collect(*blocks)
        assert (collector.fault, rest) == (replies.BARE_LINE_END_IN_CONTENT, b"")


@pytest.mark.parametrize(("octets", "fits"), [(998, True), (999, False)])
@pytest.mark.parametrize("before", [b"", b"short\r\n", b"y" * 998 + b"\r\n"])
@pytest.mark.parametrize("step", [1, 7, 999, 1000, 1001, 5000])
def test_lines_are_bounded(octets: int, fits: bool, before: bytes, step: int) -> None:
    content = before + b"x" * octets + b"\r\nlast\r\n"  # 1,000 octets with CRLF fit: RFC 5321 §4.5.3.1.6
    wire = content + b".\r\n"
    collector, rest = collect(*(wire[n : n + step] for n in range(0, len(wire), step)))
    assert rest == b""
    assert collector.fault is (None if fits else replies.LINE_TOO_LONG)
    if fits:
        assert collector.take() == content


def test_a_stuffed_dot_does_not_count_towards_the_line() -> None:
    collector, _ = collect(b".." + b"x" * 997 + b"\r\n.\r\n")
    assert collector.fault is None
    assert len(collector.take()) == 1000


def test_size_is_bounded_and_the_rest_is_read_past() -> None:
    line = b"x" * 98 + b"\r\n"
    collector, rest = collect(*[line] * 1000, b".\r\nQUIT\r\n")
    assert (collector.fault, rest) == (None, b"QUIT\r\n")
    budget = Budget(10**9)
    collector, rest = collect(*[line] * 1001, b".\r\nQUIT\r\n", budget=budget)
    assert (collector.fault, rest, budget.held) == (replies.TOO_LARGE, b"QUIT\r\n", 0)


def test_a_message_without_end_becomes_hopeless() -> None:
    limits = ContentLimits(message=1000, discarded=5000)
    collector, _ = collect(b"x\r\n" * 1000, limits=limits)
    assert collector.fault is replies.TOO_LARGE
    assert not collector.hopeless
    collector.feed(b"x\r\n" * 1000)
    assert collector.hopeless


def test_the_budget_is_shared_and_given_back() -> None:
    budget = Budget(1000)
    first, _ = collect(b"x\r\n" * 200, budget=budget)
    second, rest = collect(b"x\r\n" * 200, b".\r\n", budget=budget)
    assert (second.fault, rest) == (replies.NO_ROOM, b"")
    assert budget.held == first.reserved
    first.release()
    assert budget.held == 0
    third, _ = collect(b"x\r\n" * 200, b".\r\n", budget=budget)
    assert third.fault is None
