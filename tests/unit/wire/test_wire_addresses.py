"""Address lists, the forms that RFC 5322 calls obsolete and those that it does not know."""

import pytest

from mailstead.wire.addresses import END_OF_GROUP, HeaderAddress, parse_addresses


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a@b.test", (HeaderAddress(None, b"a", b"b.test"),)),
        (b'"Doe, John" <j@d.test>', (HeaderAddress(b"Doe, John", b"j", b"d.test"),)),
        (b'"" <j@d.test>', (HeaderAddress(None, b"j", b"d.test"),)),
        (b"John  Q. Public <j@d.test>", (HeaderAddress(b"John  Q. Public", b"j", b"d.test"),)),
        (b"j@d.test <j@d.test>", (HeaderAddress(b"j@d.test", b"j", b"d.test"),)),
        (b"j@d.test (John (Jack) Doe)", (HeaderAddress(b"John (Jack) Doe", b"j", b"d.test"),)),
        (b'a@b.test (5" disk), c@d.test', (HeaderAddress(b'5" disk', b"a", b"b.test"), HeaderAddress(None, b"c", b"d.test"))),
        (rb"a@b.test (a \) b), c@d.test", (HeaderAddress(b"a ) b", b"a", b"b.test"), HeaderAddress(None, b"c", b"d.test"))),
        (b"<@one.test,@two.test:u@h.test>", (HeaderAddress(None, b"u", b"h.test", b"@one.test,@two.test"),)),
        (b"a . b @ c . test", (HeaderAddress(None, b"a.b", b"c.test"),)),
        (b'"q r"@h.test', (HeaderAddress(None, b"q r", b"h.test"),)),
        (b"u@[192.0.2.1]", (HeaderAddress(None, b"u", b"[192.0.2.1]"),)),
        (b"G: a@b.test;", (HeaderAddress(None, b"G", None), HeaderAddress(None, b"a", b"b.test"), END_OF_GROUP)),
        (b"nobody:;", (HeaderAddress(None, b"nobody", None), END_OF_GROUP)),
        (b"nobody:", (HeaderAddress(None, b"nobody", None), END_OF_GROUP)),
        (b"<a@b.test, <c@d.test>", (HeaderAddress(None, b"a", b"b.test"), HeaderAddress(None, b"c", b"d.test"))),
        (b"plain words", (HeaderAddress(b"plain words", b"MISSING_MAILBOX", b"MISSING_DOMAIN"),)),
        (b"local", (HeaderAddress(None, b"local", b"MISSING_DOMAIN"),)),
        (b"N <>", (HeaderAddress(b"N", b"MISSING_MAILBOX", b"MISSING_DOMAIN"),)),
        (b", ,", ()),
    ],
)
def test_addresses(value: bytes, expected: tuple[HeaderAddress, ...]) -> None:
    assert parse_addresses(value) == expected
