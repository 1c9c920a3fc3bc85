"""The paths and parameters of RFC 5321 §4.1.2, and what is not one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.model.address import Address
from smtp_in.grammar import POSTMASTER, BadParameters, BadPath, forward_path, hello_name, parameters, reverse_path


@pytest.mark.parametrize(
    ("text", "local_part", "domain"),
    [
        ("<a@b.test>", "a", "b.test"),
        (" <a@b.test>", "a", "b.test"),
        ("<First.Last@B.Test>", "First.Last", "b.test"),
        ("<user+tag@b.test>", "user+tag", "b.test"),
        ("<!#$%&'*+-/=?^_`{|}~@b.test>", "!#$%&'*+-/=?^_`{|}~", "b.test"),
        ('<"plain"@b.test>', "plain", "b.test"),
        ('<"a\\b"@b.test>', "ab", "b.test"),
        ('<"a@b"@b.test>', '"a@b"', "b.test"),
        ('<"a\\"b"@b.test>', '"a\\"b"', "b.test"),
        ('<"a..b"@b.test>', '"a..b"', "b.test"),
        ("<@relay.test:a@b.test>", "a", "b.test"),
        ("<@one.test,@two.test:a@b.test>", "a", "b.test"),
        ("<a@[192.0.2.1]>", "a", "[192.0.2.1]"),
        ("<a@[IPv6:2001:db8::1]>", "a", "[ipv6:2001:db8::1]"),
        ("<a@host_name.test>", "a", "host_name.test"),
        ("<δοκιμή@παράδειγμα.test>", "δοκιμή", "παράδειγμα.test"),
        ("<" + "x" * 192 + "@b.test>", "x" * 192, "b.test"),
        ("<a@b.test.>", "a", "b.test"),
    ],
)
def test_paths(text: str, local_part: str, domain: str) -> None:
    assert reverse_path(text) == (Address(local_part, domain), "")
    assert forward_path(text) == (Address(local_part, domain), "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a@b.test",
        "<a@b.test",
        "<a>",
        "<@b.test>",
        "<a@>",
        "<a b@c.test>",
        '<"a b"@c.test>',
        "<a@b.test\r\n>",
        "<a\0@b.test>",
        "<.a@b.test>",
        "<a.@b.test>",
        "<a..b@c.test>",
        "<a@-b.test>",
        "<a@b-.test>",
        "<a@b..test>",
        "<a@b.test@c.test>",
        "<a@[192.0.2]>",
        "<a@[192.0.2.1>",
        '<"a@b.test>',
        '<"a"b"@c.test>',
        "<<a@b.test>>",
        "<a@b.test,c@d.test>",
        "<" + "x" * 193 + "@b.test>",
        "<" + "ä" * 97 + "@b.test>",  # 194 octets
        "<a@" + "b" * 256 + ">",
        "<a@b.test:c@d.test>",
    ],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(BadPath):
        reverse_path(text)
    with pytest.raises(BadPath):
        forward_path(text)


def test_the_null_sender_is_no_recipient() -> None:
    assert reverse_path("<> SIZE=1") == (None, " SIZE=1")
    with pytest.raises(BadPath):
        forward_path("<>")


def test_postmaster_needs_no_domain() -> None:  # RFC 5321 §4.5.1
    assert forward_path("<PostMaster>") == (POSTMASTER, "")
    assert forward_path("<postmaster@b.test>") == (Address("postmaster", "b.test"), "")


def test_parameters() -> None:
    assert parameters("") == {}
    assert parameters(" SIZE=10 body=8BITMIME  SMTPUTF8") == {"SIZE": "10", "BODY": "8BITMIME", "SMTPUTF8": None}
    assert parameters(" ORCPT=rfc822;a+3Db@c.test") == {"ORCPT": "rfc822;a+3Db@c.test"}


@pytest.mark.parametrize(
    "text", ["SIZE=1", " SIZE=", " =1", " -A=1", " SIZE=1 SIZE=2", " SIZE=1 size=1", " A=b=c", " A=\x01", " ä"]
)
def test_what_are_no_parameters(text: str) -> None:
    with pytest.raises(BadParameters):
        parameters(text)


def test_parameters_are_bounded() -> None:
    with pytest.raises(BadParameters):
        parameters("".join(f" P{n}=1" for n in range(21)))


@pytest.mark.parametrize("name", ["mx.test", "localhost", "a_b", "[192.0.2.1]", "[IPv6:2001:db8::1]", "WIN-1.corp", "host.test."])
def test_hello_names(name: str) -> None:
    assert hello_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a\r\nb", "a(b)", "<a>", "-a", "x" * 256, "münchen.test", "a;b", 'a"b'])
def test_what_is_no_hello_name(name: str) -> None:
    assert hello_name(name) is None


@given(st.text(max_size=300))
def test_any_text_is_a_path_or_bad(text: str) -> None:
    try:
        address, rest = reverse_path(text)
    except BadPath:
        return
    assert text.endswith(rest)
    if address is not None:
        assert not set(str(address)) & set(" \r\n\0<>") or address.local_part.startswith('"')
        assert reverse_path(f"<{address}>") == (address, "")


@given(st.text(max_size=300))
def test_any_text_is_parameters_or_bad(text: str) -> None:
    try:
        found = parameters(text)
    except BadParameters:
        return
    assert all(keyword.isascii() and keyword == keyword.upper() for keyword in found)
