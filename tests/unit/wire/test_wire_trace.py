"""Received, Return-Path and dates, against the standard library's reading of them."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.trace import Hop, address_literal, date_time, received, return_path, with_protocol

DATE = "Mon, 23 Nov 2026 09:17:13 +0000"


def test_received_in_full() -> None:
    hop = Hop("client.test", "192.0.2.1", "mx.a.test", "ESMTPSA", "0123", "TLS_AES_256_GCM_SHA384")
    assert received(hop, "u@a.test", DATE) == (
        b"Received: from client.test ([192.0.2.1])\r\n"
        b"\tby mx.a.test with ESMTPSA id 0123\r\n"
        b"\ttls TLS_AES_256_GCM_SHA384\r\n"
        b"\tfor <u@a.test>;\r\n"
        b"\tMon, 23 Nov 2026 09:17:13 +0000\r\n"
    )


def test_received_with_less() -> None:
    hop = Hop("[IPv6:2001:db8::1]", "2001:db8::1", "mx.a.test", "ESMTP", "0123")
    assert received(hop, None, DATE) == (
        b"Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"
        b"\tby mx.a.test with ESMTP id 0123;\r\n"
        b"\tMon, 23 Nov 2026 09:17:13 +0000\r\n"
    )


def test_return_path() -> None:
    assert return_path("") == b"Return-Path: <>\r\n"
    assert return_path("ä@b.test") == "Return-Path: <ä@b.test>\r\n".encode()
    assert address_literal("192.0.2.1") == "[192.0.2.1]"


@pytest.mark.parametrize(
    ("extended", "tls", "authenticated", "utf8", "lmtp", "name"),
    [
        (False, False, False, False, False, "SMTP"),
        (True, False, False, False, False, "ESMTP"),
        (True, True, False, False, False, "ESMTPS"),
        (True, False, True, False, False, "ESMTPA"),
        (True, True, True, False, False, "ESMTPSA"),
        (True, True, True, True, False, "UTF8SMTPSA"),
        (True, False, False, True, False, "UTF8SMTP"),
        (True, False, False, False, True, "LMTP"),
        (True, True, False, True, True, "UTF8LMTPS"),
    ],
)
def test_protocol_names(extended: bool, tls: bool, authenticated: bool, utf8: bool, lmtp: bool, name: str) -> None:
    assert with_protocol(extended=extended, tls=tls, authenticated=authenticated, utf8=utf8, lmtp=lmtp) == name


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(9999, 12, 30)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_dates(moment: datetime, zone: timezone) -> None:
    moment = moment.replace(tzinfo=zone, microsecond=0)
    assert parsedate_to_datetime(date_time(moment)) == moment
    assert moment.strftime("%a") in date_time(moment)


def test_a_date_has_a_zone() -> None:
    assert date_time(datetime(2026, 11, 3, 9, 7, 3, tzinfo=UTC)) == "Tue, 3 Nov 2026 09:07:03 +0000"
    with pytest.raises(ValueError, match="time zone"):
        date_time(datetime(2026, 11, 3))
