"""Whatever comes in from outside is a value or a refusal, never an accident; `make fuzz` tries for longer than the suite does."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.mutation import files, near
from mailstead.wire.addresses import parse_addresses
from mailstead.wire.message import parse_message
from mailstead.wire.mime import scan
from mailstead.wire.text import searchable_text
from smtp_in import replies
from smtp_in.command_lines import MAX_LINE, CommandLines
from smtp_in.content import Budget, Collector, ContentLimits
from smtp_in.grammar import BadParameters, BadPath, forward_path, hello_name, parameters, reverse_path
from smtp_in.replies import Reply

unhurried = settings(deadline=None)
CUTS = st.lists(st.integers(0, 20_000), max_size=8)


def blocks(octets: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(octets), *(min(cut, len(octets)) for cut in cuts)})
    return [octets[a:b] for a, b in pairwise(edges)]


def commands(fed: list[bytes]) -> list[bytes | Reply]:
    lines, taken = CommandLines(), list[bytes | Reply]()
    for block in fed:
        lines.feed(block)
        while (line := lines.take()) is not None:
            taken.append(line)
    return taken


@given(near("commands"), CUTS)
@unhurried
def test_command_lines(octets: bytes, cuts: list[int]) -> None:
    """However they come, the same commands are found, each one line and no longer than any may be."""
    taken = commands(blocks(octets, cuts))
    assert taken == commands([octets])
    for line in taken:
        if isinstance(line, bytes):
            assert line.endswith(b"\r\n") and line.count(b"\n") == 1 and line.count(b"\r") == 1 and len(line) <= MAX_LINE
            line.decode()


@given(near("paths"))
@unhurried
def test_paths_and_parameters(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")
    for path in (reverse_path, forward_path):
        try:
            address, rest = path(text)
        except BadPath:
            continue
        assert text.endswith(rest)
        if not isinstance(address, str | None):
            assert not set(str(address)) & set("\r\n\0")
        try:
            parameters(rest)
        except BadParameters:
            continue
    hello_name(text)


@given(near("paths"))
@unhurried
def test_addresses_in_header_fields(octets: bytes) -> None:
    parse_addresses(octets)


@given(near("messages"), CUTS)
@unhurried
def test_content_ends_at_one_spelling_only(octets: bytes, cuts: list[int]) -> None:
    """The end is where CRLF . CRLF first is, however the octets are cut; what has a bare CR or LF is refused; nothing is kept."""
    wire = octets + b"\r\n.\r\n"
    end = (b"\r\n" + wire).index(b"\r\n.\r\n")
    budget = Budget(1_000_000)
    collector = Collector(ContentLimits(message=100_000), budget)
    fed = blocks(wire, cuts)
    rests = ((n, collector.feed(block)) for n, block in enumerate(fed))
    rest = next(rest + b"".join(fed[n + 1 :]) for n, rest in rests if rest is not None)
    assert rest == wire[end + 3 :]
    content = wire[:end]
    if content.count(b"\r") != content.count(b"\r\n") or content.count(b"\n") != content.count(b"\r\n"):
        assert collector.fault is replies.BARE_LINE_END_IN_CONTENT or collector.fault is replies.LINE_TOO_LONG
    if collector.fault is None:
        assert budget.held == collector.received
    collector.release()
    assert budget.held == 0


@given(near("messages"))
@unhurried
def test_messages_are_described_whole(octets: bytes) -> None:
    parsed = parse_message(octets)
    assert parsed.header + parsed.body == octets
    assert len(parsed.preview) <= 200
    searchable_text(octets, scan(octets))


@pytest.mark.parametrize("kind", ["commands", "paths", "messages"])
def test_there_is_a_corpus(kind: str) -> None:
    assert len(files(kind)) >= 5
