"""What is changed in a message on its way in, and what is left alone octet by octet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_in import replies
from smtp_in.received import MAX_RECEIVED, Additions, rewrite

HOST = "mx.a.test"
ADDED = Additions("Mon, 23 Nov 2026 09:17:13 +0000", "<0123@mx.a.test>", "<alice@a.test>")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\r\nbody\r\n",
        b"no header at all\r\n",
        b"Subject: x\r\n\r\nbody\r\n",
        b"Subject: x\r\n",
        b"Bcc: x@b.test\r\n\r\nbody\r\n",
        b"Subject: x\r\n\r\nAuthentication-Results: mx.a.test; spf=pass\r\n",
        b"Authentication-Results: other.test; spf=pass\r\n\r\n",
        b"Authentication-Results: mx.a.test.evil.test; spf=pass\r\n\r\n",
        b"X-Authentication-Results: mx.a.test; spf=pass\r\n\r\n",
        b"Received: x\r\n" * MAX_RECEIVED + b"\r\n",
        b"Subject: " + b"received:" * 200 + b"\r\n\r\n",
        b"Subject: x\r\n\r\n" + b"Received: x\r\n" * 200,
    ],
)
def test_mail_from_outside_stays_as_it_is(content: bytes) -> None:
    assert rewrite(content, HOST, None) == content


@pytest.mark.parametrize(
    "forged",
    [
        b"Authentication-Results: mx.a.test; spf=pass\r\n",
        b"authentication-results:MX.A.TEST;spf=pass\r\n",
        b"Authentication-Results: mx.a.test 1; spf=pass\r\n",
        b"Authentication-Results: mx.a.test\r\n",
        b"Authentication-Results:\r\n mx.a.test; spf=pass\r\n dkim=pass\r\n",
        b"Authentication-Results: (a (nested) comment) mx.a.test (\\)) ; spf=pass\r\n",
        b'Authentication-Results: "mx.a.test"; spf=pass\r\n',
        b"Authentication-Results : mx.a.test; spf=pass\r\n",
    ],
)
def test_forged_results_of_ours_are_removed(forged: bytes) -> None:  # RFC 8601 §5
    other = b"Authentication-Results: other.test; spf=fail\r\n"
    content = b"Subject: x\r\n" + forged + other + forged + b"\r\n" + forged
    assert rewrite(content, HOST, None) == b"Subject: x\r\n" + other + b"\r\n" + forged


def test_a_loop_is_refused() -> None:
    assert rewrite(b"Received: x\r\n" * (MAX_RECEIVED + 1) + b"\r\n", HOST, None) is replies.LOOP
    assert rewrite(b"RECEIVED:\r\n x\r\n" * (MAX_RECEIVED + 1) + b"\r\n", HOST, ADDED) is replies.LOOP


def test_submission_adds_what_is_missing() -> None:  # RFC 6409 §8
    assert rewrite(b"Subject: x\r\n\r\nbody\r\n", HOST, ADDED) == (
        b"From: <alice@a.test>\r\nDate: Mon, 23 Nov 2026 09:17:13 +0000\r\nMessage-ID: <0123@mx.a.test>\r\n"
        b"Subject: x\r\n\r\nbody\r\n"
    )


def test_submission_keeps_what_is_there() -> None:
    content = b"from: a@a.test\r\nDATE: now\r\nmessage-id: <1@a.test>\r\n\r\nDate: body\r\n"
    assert rewrite(content, HOST, ADDED) == content


@pytest.mark.parametrize("content", [b"", b"\r\nbody\r\n", b"no header at all\r\n"])
def test_submission_without_a_header(content: bytes) -> None:
    rewritten = rewrite(content, HOST, ADDED)
    assert isinstance(rewritten, bytes)
    header, _, body = rewritten.partition(b"\r\n\r\n")
    assert header.startswith(b"From: ")
    assert header.endswith(b"Message-ID: <0123@mx.a.test>")
    assert body == content.removeprefix(b"\r\n")


def test_submission_removes_blind_copies() -> None:
    kept = b"From: a@a.test\r\nDate: now\r\nMessage-ID: <1@a.test>\r\n"
    content = b"BCC: x@b.test,\r\n y@b.test\r\n" + kept + b"Resent-Bcc: z@b.test\r\nBcc:\r\n\r\nBcc: in the body\r\n"
    assert rewrite(content, HOST, ADDED) == kept + b"\r\nBcc: in the body\r\n"


@given(st.binary(max_size=500))
def test_any_octets_are_passed_on(content: bytes) -> None:
    rewritten = rewrite(content, HOST, None)
    assert rewritten == content or b"uthentication-" in content
    assert isinstance(rewrite(content, HOST, ADDED), bytes)
