"""Every reply this server has: shape, codes, completeness of the failure table."""

import re

import pytest

from mailstead.model.failure import Failure
from smtp_in import replies
from smtp_in.replies import NO_CODE, Reply

CONSTANTS = {name: value for name, value in vars(replies).items() if isinstance(value, Reply)}
EVERY = [*CONSTANTS.values(), *replies.FAILURES.values(), *replies.LOGIN_FAILURES.values(), replies.accepted("0" * 32)]
WITHOUT_CODE = {"SEND_CONTENT", "BAD_HELLO", "NOT_FOR_YOU"}  # RFC 2034 §3


@pytest.mark.parametrize("reply", EVERY, ids=lambda reply: f"{reply.code} {reply.text[:20]}")
def test_the_enhanced_code_is_of_the_replys_class(reply: Reply) -> None:
    if reply.enhanced == NO_CODE:
        assert reply in [CONSTANTS[name] for name in WITHOUT_CODE]
        return
    assert re.fullmatch(r"[245]\.[0-7]\.[0-9]{1,2}", reply.enhanced)  # RFC 3463 §2
    assert reply.enhanced[0] == str(reply.code)[0]  # RFC 2034 §4


@pytest.mark.parametrize("reply", EVERY, ids=lambda reply: f"{reply.code} {reply.text[:20]}")
def test_each_line_is_whole_and_short(reply: Reply) -> None:
    lines = reply.wire.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 510 for line in lines)  # RFC 5321 §4.5.3.1.5
    assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]


def test_several_lines_bear_the_code_each() -> None:
    assert Reply(250, "2.0.0", "a\nb").wire == b"250-2.0.0 a\r\n250 2.0.0 b\r\n"
    assert Reply(250, NO_CODE, "a\nb").wire == b"250-a\r\n250 b\r\n"


def test_every_failure_has_a_reply() -> None:
    assert set(replies.FAILURES) == set(Failure)
    assert all(reply.is_error or reply.is_temporary for reply in replies.FAILURES.values())
    assert all(replies.for_login_failure(failure).code in (454, 525, 535) for failure in Failure)


@pytest.mark.parametrize("failure", [Failure.UNAVAILABLE, Failure.BUSY, Failure.CONFLICT, Failure.IN_USE, Failure.OVER_QUOTA])
def test_our_failure_is_never_the_senders_bounce(failure: Failure) -> None:  # promise D5
    assert replies.for_failure(failure).is_temporary
    assert replies.for_login_failure(failure).is_temporary
