"""Feedback reports (RFC 5965), the examples of its appendix among them, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.feedback import Feedback, read_feedback
from mailstead.wire.message import parse_message

TRACE = "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b"
ORIGINAL = (
    "Received: from elsewhere by mx.example.com with ESMTP id unrelated; now\r\n"
    f"Received: from client ([192.0.2.7])\r\n\tby mail.example.org with ESMTPSA id {TRACE}\r\n\tfor <user@example.com>; then\r\n"
    "From: <somespammer@example.net>\r\nTo: <Undisclosed Recipients>\r\nSubject: Earn money\r\n\r\nSpam Spam Spam\r\n"
)
# RFC 5965 appendix B.2
FULL = (
    "Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\nOriginal-Mail-From: <somespammer@example.net>\r\n"
    "Original-Rcpt-To: <user@example.com>\r\nArrival-Date: Thu, 8 Mar 2005 14:00:00 EDT\r\n"
    "Reporting-MTA: dns; mail.example.com\r\nSource-IP: 192.0.2.1\r\nReported-Domain: example.net\r\n"
)
MINIMAL = "Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n"  # appendix B.1


def arf(report: str, original: str = ORIGINAL, kind: str = "message/rfc822", outer: str = "feedback-report") -> bytes:
    return (
        "From: <abusedesk@example.com>\r\nTo: <abuse@example.net>\r\nSubject: FW: Earn money\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type={outer};\r\n boundary="part1_13d.2e68ed54_boundary"\r\n\r\n'
        "--part1_13d.2e68ed54_boundary\r\nContent-Type: text/plain; charset=US-ASCII\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        "This is an email abuse report.\r\n\r\n"
        f"--part1_13d.2e68ed54_boundary\r\nContent-Type: message/feedback-report\r\n\r\n{report}\r\n"
        f"--part1_13d.2e68ed54_boundary\r\nContent-Type: {kind}\r\nContent-Disposition: inline\r\n\r\n{original}\r\n"
        "--part1_13d.2e68ed54_boundary--\r\n"
    ).encode()


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_full_report(kind: str) -> None:
    assert read_feedback(parse_message(arf(FULL, kind=kind))) == Feedback("abuse", ("user@example.com",), (TRACE,))


def test_a_report_that_keeps_the_recipient_back() -> None:
    feedback = read_feedback(parse_message(arf(MINIMAL)))
    assert feedback == Feedback("abuse", (), (TRACE,))
    assert feedback.is_complaint


def test_what_is_no_complaint() -> None:
    feedback = read_feedback(parse_message(arf(MINIMAL.replace("abuse", "Not-Spam"))))
    assert feedback is not None and not feedback.is_complaint


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: hello\r\n\r\nHi.\r\n",
        arf(FULL, outer="delivery-status"),
        arf("User-Agent: x\r\nVersion: 1\r\n"),
        arf(MINIMAL + "Feedback-Type: fraud\r\n"),
        arf(FULL).replace(b"message/feedback-report", b"text/plain"),
    ],
)
def test_what_is_no_report(message: bytes) -> None:
    assert read_feedback(parse_message(message)) is None


def test_what_is_not_about_our_message() -> None:
    feedback = read_feedback(parse_message(arf(FULL, ORIGINAL.replace(TRACE, "abc"))))
    assert feedback is not None and feedback.trace_ids == ()


@given(st.binary(max_size=300), st.integers(0, 1200))
def test_anything_can_be_read(noise: bytes, at: int) -> None:
    message = arf(FULL)
    read_feedback(parse_message(message[:at] + noise + message[at:]))
