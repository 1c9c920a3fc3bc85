"""Octets to command lines, whole and one at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_in import replies
from smtp_in.command_lines import MAX_DISCARDED, CommandLines
from smtp_in.replies import Reply


def lines_of(octets: bytes, step: int = 10**6) -> list[bytes | Reply]:
    lines, found = CommandLines(), []
    for at in range(0, len(octets), step):
        lines.feed(octets[at : at + step])
        while (line := lines.take()) is not None:
            found.append(line)
    return found


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"NOOP\r\n", [b"NOOP\r\n"]),
        (b"noop x\r\nQuit\r\n", [b"noop x\r\n", b"Quit\r\n"]),
        (b"NOOP\n", [replies.BARE_LINE_END]),
        (b"NOOP\rQUIT\r\n", [replies.BARE_LINE_END]),
        (b"NOOP\nQUIT\r\n", [replies.BARE_LINE_END, b"QUIT\r\n"]),
        (b"\r\n", [replies.UNKNOWN_COMMAND]),
        (b" \r\n", [replies.UNKNOWN_COMMAND]),
        (b"GET / HTTP/1.1\r\n", [replies.UNKNOWN_COMMAND]),
        (b"\x16\x03\x01\r\n", [replies.UNKNOWN_COMMAND]),
        (b"MAIL FROM:<\xff@b.test>\r\n", [replies.NOT_ASCII]),
        ("RCPT TO:<ä@b.test>\r\n".encode(), ["RCPT TO:<ä@b.test>\r\n".encode()]),
        ("ÄHLO\r\n".encode(), [replies.UNKNOWN_COMMAND]),
        (b"NOOP " + b"x" * 505 + b"\r\n", [b"NOOP " + b"x" * 505 + b"\r\n"]),
        (b"NOOP " + b"x" * 506 + b"\r\n", [replies.COMMAND_TOO_LONG]),
        (b"MAIL " + b"x" * 2041 + b"\r\n", [b"MAIL " + b"x" * 2041 + b"\r\n"]),
        (b"MAIL " + b"x" * 2042 + b"\r\nNOOP\r\n", [replies.COMMAND_TOO_LONG, b"NOOP\r\n"]),
        (b"AUTH PLAIN " + b"x" * 12_288 + b"\r\n", [b"AUTH PLAIN " + b"x" * 12_288 + b"\r\n"]),
        (b"x" * 30_000 + b"\r\nNOOP\r\n", [replies.COMMAND_TOO_LONG, b"NOOP\r\n"]),
    ],
)
@pytest.mark.parametrize("step", [1, 3, 10**6])
def test_lines(octets: bytes, found: list[bytes | Reply], step: int) -> None:
    assert lines_of(octets, step) == found


def test_a_line_without_end_is_not_kept() -> None:
    lines = CommandLines()
    for _ in range(MAX_DISCARDED // 1000 + 2):
        lines.feed(b"x" * 1000)
        assert lines.take() is None
    assert lines.hopeless
    assert lines.rest() == b""


def test_the_verb_is_known_or_empty() -> None:
    lines = CommandLines()
    lines.feed(b"rcpt TO:<a>\r\nFOO\r\nmail x\n")
    lines.take()
    assert lines.verb == "RCPT"
    lines.take()
    assert lines.verb == ""
    assert lines.take() is replies.BARE_LINE_END


def test_responses_within_auth() -> None:
    lines = CommandLines()
    lines.feed(b"dXNlcg==\r\n*\r\n\r\n" + b"x" * 101 + b"\r\nbare\n")
    assert [lines.take_response(100) for _ in range(6)] == [
        b"dXNlcg==",
        b"*",
        b"",
        replies.COMMAND_TOO_LONG,
        replies.BARE_LINE_END,
        None,
    ]


def test_what_is_left_is_content() -> None:
    lines = CommandLines()
    lines.feed(b"DATA\r\nSubject: x\r\n.\r\n")
    assert lines.take() == b"DATA\r\n"
    assert not lines.is_empty
    assert lines.rest() == b"Subject: x\r\n.\r\n"
    assert lines.is_empty


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_the_cutting_makes_no_difference(octets: bytes, step: int) -> None:
    assert lines_of(octets, step) == lines_of(octets)
