"""Reports, read back by an independent parser: Python's email package."""

import email
import re
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.policy import compat32
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.dsn import MAX_RETURNED_HEADER, Action, Report, ReportedRecipient, decode_xtext, render_dsn

GOLDEN = Path(__file__).parents[2] / "golden" / "dsn"
NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
ORIGINAL = b"From: alice@own.test\r\nTo: bob@dest.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"


def report(*recipients: ReportedRecipient, sender: str = "alice@own.test", envelope_id: str | None = None) -> Report:
    return Report("mx.own.test", sender, recipients, NOW - timedelta(minutes=5), envelope_id)


def failed(address: str = "bob@dest.test", diagnostic: str | None = "550 5.1.1 No such user") -> ReportedRecipient:
    return ReportedRecipient(address, Action.FAILED, "5.1.1", None, "mx.dest.test", diagnostic, NOW)


CASES: dict[str, tuple[Report, bytes, bool]] = {
    "001-failed-headers": (report(failed()), ORIGINAL, False),
    "002-failed-whole": (report(failed(), envelope_id="QQ314159"), ORIGINAL, True),
    "003-failed-and-relayed": (
        report(
            failed(),
            ReportedRecipient(
                "eve@dest.test",
                Action.RELAYED,
                "2.0.0",
                "rfc822;Eve+2Bnews@old.test",
                "mx.dest.test",
                "250 2.0.0 Ok: queued as 4F",
                NOW,
            ),
            envelope_id="a+20b+3D",
        ),
        ORIGINAL,
        False,
    ),
    "004-delayed": (
        report(
            ReportedRecipient(
                "bob@dest.test",
                Action.DELAYED,
                "4.4.1",
                None,
                None,
                "connection to mx.dest.test [192.0.2.1]:25 timed out",
                NOW,
                NOW + timedelta(days=5),
            )
        ),
        ORIGINAL,
        False,
    ),
    "005-no-host": (
        report(
            ReportedRecipient("bob@nowhere.test", Action.FAILED, "5.1.2", None, None, "domain nowhere.test does not exist", NOW)
        ),
        ORIGINAL,
        False,
    ),
    "006-international": (report(failed("bøb@dåst.test", "550 5.1.1 Kein Empfänger"), sender="älice@own.test"), ORIGINAL, False),
    "007-eight-bit-original": (report(failed()), "Subject: Grüße\r\n\r\nSchöne Grüße\r\n".encode(), True),
}


def parts(message: Message) -> tuple[Message, Message, Message]:
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    payload = message.get_payload()
    assert isinstance(payload, list) and len(payload) == 3
    human, status, returned = payload
    assert isinstance(human, Message) and isinstance(status, Message) and isinstance(returned, Message)
    assert human.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    return human, status, returned


def groups(status: Message) -> list[Message]:
    payload = status.get_payload()
    assert isinstance(payload, list)
    return [group for group in payload if isinstance(group, Message)]


def rendered(case: tuple[Report, bytes, bool]) -> bytes:
    what, original, whole = case
    return render_dsn(what, original, whole=whole, message_id="0190-1@mx.own.test", now=NOW)


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    """To renew a golden file after a change that is meant, delete it and run the test twice."""
    path = GOLDEN / f"{name}.eml"
    octets = rendered(CASES[name])
    if not path.exists():
        path.write_bytes(octets)
        pytest.fail(f"{path.name} was missing and has been written: read it, then keep it")
    assert octets == path.read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_every_line_is_one_that_smtp_carries(name: str) -> None:
    octets = rendered(CASES[name])
    assert octets.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", octets)
    assert max(map(len, octets.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("name", CASES)
def test_an_independent_parser_reads_the_same(name: str) -> None:
    what, original, whole = CASES[name]
    message = email.message_from_bytes(rendered(CASES[name]), policy=compat32)
    assert not message.defects
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@mx.own.test>"
    human, status, returned = parts(message)
    about, *each = groups(status)
    assert about["Reporting-MTA"] == "dns; mx.own.test"
    assert about["Arrival-Date"] == "Sun, 01 Mar 2026 11:55:05 +0000"
    assert len(each) == len(what.recipients)
    for group, recipient in zip(each, what.recipients, strict=True):
        assert group["Action"] == recipient.action.value
        assert group["Status"] == recipient.status
        assert group["Remote-MTA"] == (f"dns; {recipient.remote_host}" if recipient.remote_host else None)
        assert group["Last-Attempt-Date"] == "Sun, 01 Mar 2026 12:00:05 +0000"
        if recipient.final.isascii():
            assert group["Final-Recipient"] == f"rfc822; {recipient.final}"
    text = human.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert all(recipient.final in text.decode() for recipient in what.recipients)
    if whole:
        assert returned.get_content_type() == "message/rfc822"
        inner = returned.get_payload(0)
        assert isinstance(inner, Message)
        assert inner.as_bytes(policy=compat32.clone(linesep="\r\n")) == original
    else:
        assert returned.get_content_type() == "text/rfc822-headers"
        header = returned.get_payload(decode=True)
        assert isinstance(header, bytes)
        assert header.strip() == original.partition(b"\r\n\r\n")[0].strip()


def test_envelope_id_and_original_recipient_are_decoded() -> None:
    _, status, _ = parts(email.message_from_bytes(rendered(CASES["003-failed-and-relayed"])))
    about, first, second = groups(status)
    assert about["Original-Envelope-Id"] == "a b="
    assert first["Original-Recipient"] is None
    assert second["Original-Recipient"] == "rfc822; Eve+news@old.test"
    assert second["Diagnostic-Code"] == "smtp; 250 2.0.0 Ok: queued as 4F"


def test_a_delay_says_until_when_it_is_tried() -> None:
    human, status, _ = parts(email.message_from_bytes(rendered(CASES["004-delayed"])))
    group = groups(status)[1]
    assert group["Will-Retry-Until"] == "Fri, 06 Mar 2026 12:00:05 +0000"
    assert group["Diagnostic-Code"].startswith("x-mailstead; connection to mx.dest.test")
    assert "need not send" in str(human.get_payload())


def test_an_international_address_is_spelled_in_ascii_for_machines() -> None:
    message = email.message_from_bytes(rendered(CASES["006-international"]))
    human, status, _ = parts(message)
    group = groups(status)[1]
    assert group["Final-Recipient"] == r"utf-8; b\x{F8}b@d\x{E5}st.test"
    assert group["Diagnostic-Code"] == "smtp; 550 5.1.1 Kein Empf?nger"
    text = human.get_payload(decode=True)
    assert isinstance(text, bytes) and "Kein Empfänger" in text.decode()


def test_eight_bits_are_declared_at_both_levels() -> None:
    message = email.message_from_bytes(rendered(CASES["007-eight-bit-original"]))
    assert message["Content-Transfer-Encoding"] == "8bit"
    assert parts(message)[2]["Content-Transfer-Encoding"] == "8bit"


def test_the_original_cannot_end_the_report() -> None:
    once = rendered(CASES["001-failed-headers"])
    boundary = email.message_from_bytes(once).get_boundary()
    assert boundary
    hostile = f"Subject: x\r\n\r\n--{boundary}\r\n\r\n--{boundary}--\r\n".encode()
    message = email.message_from_bytes(
        render_dsn(report(failed()), hostile, whole=True, message_id="0190-1@mx.own.test", now=NOW)
    )
    inner = parts(message)[2].get_payload(0)
    assert isinstance(inner, Message) and boundary in str(inner.get_payload())


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.text(max_size=2_000))
def test_what_strangers_write_stays_inside_its_field(original: str, envelope_id: str, host: str, diagnostic: str) -> None:
    recipient = ReportedRecipient(
        "bob@dest.test", Action.FAILED, "5.0.0", f"rfc822;{original}", f"h{host}", f"550 {diagnostic}", NOW
    )
    octets = render_dsn(report(recipient, envelope_id=envelope_id), ORIGINAL, whole=False, message_id="1@mx.own.test", now=NOW)
    message = email.message_from_bytes(octets)
    assert set(message.keys()) == set(email.message_from_bytes(rendered(CASES["001-failed-headers"])).keys())
    about, *each = groups(parts(message)[1])
    assert set(about.keys()) <= {"Original-Envelope-Id", "Reporting-MTA", "Arrival-Date"}
    assert len(each) == 1
    assert each[0].keys() == [
        *("Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date"),
    ]
    assert max(map(len, octets.split(b"\r\n"))) <= 998


def test_xtext_cannot_break_a_line() -> None:
    recipient = ReportedRecipient("bob@dest.test", Action.FAILED, "5.0.0", "rfc822;a+0D+0AStatus: 2.0.0")
    octets = render_dsn(report(recipient, envelope_id="x+0D+0A+0D+0A"), ORIGINAL, whole=False, message_id="1@x", now=NOW)
    assert octets.count(b"\r\nStatus:") == 1


def test_long_headers_are_cut_between_lines() -> None:
    original = b"".join(b"X-%d: %s\r\n" % (n, b"v" * 90) for n in range(2_000)) + b"\r\nbody\r\n"
    octets = render_dsn(report(failed()), original, whole=False, message_id="1@x", now=NOW)
    assert MAX_RETURNED_HEADER - 200 < len(octets) < MAX_RETURNED_HEADER + 4_000
    returned = parts(email.message_from_bytes(octets))[2].get_payload(decode=True)
    assert isinstance(returned, bytes) and returned.rstrip().endswith(b"v" * 90)


def test_nobody_to_report_on() -> None:
    with pytest.raises(ValueError, match="at least one"):
        render_dsn(report(), ORIGINAL, whole=False, message_id="1@x", now=NOW)


@pytest.mark.parametrize(
    ("text", "plain"), [("abc", "abc"), ("a+2Bb", "a+b"), ("a+20b", "a b"), ("a+2bb", "a+2bb"), ("a+", "a+")]
)
def test_xtext(text: str, plain: str) -> None:
    assert decode_xtext(text) == plain
