"""What holds for any octets: nothing raises, spans nest, what is packed comes back, what is written can be read."""

from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstead.wire.bodystructure import render_body
from mailstead.wire.dots import Stuffer, has_bare_line_end, stuff, unstuff
from mailstead.wire.headers import decode_value, fields, first_values, remove_fields, select_fields, split_header
from mailstead.wire.imap_strings import astring, decode_mailbox_name, encode_mailbox_name, quoted_or_literal
from mailstead.wire.message import parse_message
from mailstead.wire.mime import Part, scan
from mailstead.wire.structure import pack, unpack
from mailstead.wire.text import searchable_text
from unit.wire.lists import read_list

_PIECES = st.sampled_from([
    *(bytes((octet,)) for octet in b' \t;"\\()<>@,:\r\n\0\xff'),
    *(b"\r\n", b"\r\n\r\n", b"--b", b"--b--", b"--", b"=?utf-8?q?=C3=A4?=", b"=?", b"?="),
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: multipart/digest; boundary=b\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Type: text/html\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Disposition: attachment; filename=x\r\n",
    b"From: a@x.test\r\n",
    b"To: G: a@x.test;\r\n",
    b"Subject: x\r\n",
    b"Date: Mon, 23 Nov 2026 09:00:00 +0100\r\n",
    b"References: <a@b> <c@d>\r\n",
])  # fmt: skip
messages = st.lists(_PIECES | st.binary(max_size=12), max_size=40).map(b"".join)
many = settings(deadline=None, max_examples=300)


@given(messages)
@many
def test_every_message_can_be_described(octets: bytes) -> None:
    parsed = parse_message(octets)
    assert parsed.header + parsed.body == octets
    assert len(parsed.preview) <= 200
    parsed.preview.encode("utf-8", "surrogatepass")


@given(messages)
@many
def test_what_is_written_can_be_read(octets: bytes) -> None:
    parsed = parse_message(octets)
    envelope = read_list(parsed.envelope)
    assert isinstance(envelope, list) and len(envelope) == 10
    assert isinstance(read_list(parsed.bodystructure), list)
    assert isinstance(read_list(render_body(scan(octets))), list)


@given(messages)
@many
def test_spans_nest_and_follow_each_other(octets: bytes) -> None:
    part = scan(octets)
    assert (part.header.start, part.body.end) == (0, len(octets))
    _check_spans(part)


def _check_spans(part: Part) -> None:
    assert part.header.start <= part.header.end == part.body.start <= part.body.end
    inner = (part.message,) if part.message else part.parts
    at = part.body.start
    for child in inner:
        assert at <= child.header.start and child.body.end <= part.body.end
        at = child.body.end
        _check_spans(child)


@given(messages)
@many
def test_a_structure_survives_packing(octets: bytes) -> None:
    part = scan(octets)
    assert unpack(pack(part)) == part


@given(messages)
@many
def test_any_text_can_be_searched(octets: bytes) -> None:
    searchable_text(octets, scan(octets))


@given(messages)
@many
def test_fields_are_chosen_or_left_out(octets: bytes) -> None:
    header = octets[: split_header(octets)]
    names = {name for name in first_values(header) if len(name) % 2}
    chosen, rest = select_fields(header, names), select_fields(header, names, exclude=True)
    assert len(fields(chosen)) + len(fields(rest)) == len(fields(header))
    assert not {f.name.lower() for f in fields(remove_fields(header, names))} & names


@given(st.dictionaries(st.sampled_from(["Subject", "X-A", "X-B"]), st.text(st.characters(min_codepoint=32, max_codepoint=126))))
@many
def test_fields_are_what_the_standard_library_reads(values: dict[str, str]) -> None:
    header = "".join(f"{name}: {value.strip()}\r\n" for name, value in values.items()).encode() + b"\r\n"
    theirs = message_from_bytes(header, policy=SMTP)
    ours = {name.decode(): value.strip().decode() for name, value in first_values(header).items()}
    assert ours == {name.lower(): str(theirs.get(name)) for name in values} or "=?" in header.decode()


@given(st.binary(max_size=200))
@many
def test_any_value_can_be_decoded(raw: bytes) -> None:
    decode_value(raw)


@given(st.text())
@many
def test_mailbox_names_come_back(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate is no name
    encoded = encode_mailbox_name(name)
    assert encoded.isascii() and decode_mailbox_name(encoded) == name


@pytest.mark.parametrize(
    "encoded", [b"&", b"a&b", b"&AGE", b"&AGE=-", b"\xc3\xa4", b"a\x7f", b"&2D0-", b"&AA-", b"&AGE-", b"&AOS-", b"&AOQ-&AOQ-"]
)
def test_what_is_no_modified_utf_7(encoded: bytes) -> None:
    with pytest.raises(ValueError):
        decode_mailbox_name(encoded)


@given(st.binary(max_size=60))
@many
def test_strings_come_back(value: bytes) -> None:
    assert read_list(quoted_or_literal(value)) == value.replace(b"\0", b"?")
    assert astring(value) in (value, quoted_or_literal(value))


lines = st.lists(st.sampled_from([b".", b"..", b"\r\n", b"x", b".\r\n"]), max_size=30).map(b"".join)


@given(lines)
@many
def test_dots_come_back(data: bytes) -> None:
    assert unstuff(stuff(data)) == data
    assert b"\r\n.\r\n" not in b"\r\n" + stuff(data)


@given(lines, st.integers(1, 5))
@many
def test_dots_in_pieces(data: bytes, size: int) -> None:
    stuffer = Stuffer()
    sent = b"".join(stuffer.feed(data[at : at + size]) for at in range(0, len(data), size)) + stuffer.end()
    assert sent.endswith(b".\r\n")
    content = sent[:-3]
    assert b"\r\n.\r\n" not in b"\r\n" + content, "the data ends once"
    assert unstuff(content) in (data, data + b"\r\n")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"x"]), max_size=12).map(b"".join))
@many
def test_bare_line_ends(data: bytes) -> None:
    assert has_bare_line_end(data) is (b"\r" in (left := data.replace(b"\r\n", b"")) or b"\n" in left)


def test_a_dot_at_the_beginning_of_a_line_goes_whatever_follows() -> None:
    assert unstuff(b".a\r\n..b\r\n.\r\nc.") == b"a\r\n.b\r\n\r\nc."


@given(st.lists(st.sampled_from([b".", b"\r", b"\n", b"x"]), max_size=30).map(b"".join), st.integers(1, 5))
@many
def test_no_line_end_ends_the_data_early(data: bytes, size: int) -> None:
    stuffer = Stuffer()
    sent = b"".join(stuffer.feed(data[at : at + size]) for at in range(0, len(data), size)) + stuffer.end()
    before = b"\r\n" + sent[:-3]
    assert sent.endswith(b".\r\n") and not any(end in before for end in (b"\n.\r\n", b"\n.\n", b"\n.\r"))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?q?a?= \t=?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        (b"a?= =?utf-8?q?b?=", "a?= b"),
        (b"=?utf-8?b?w6Q=?=", "ä"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),
        (b"=?gb2312?b?xOO6ww==?=", "你好"),
        (b"=?iso-8859-1*de?q?=E4?=", "ä"),
        (b"=?unicode_escape?q?=5Cd?=", "\\d"),
        (b"=?hex?q?41?=", "41"),
        ("ä".encode("latin-1"), "ä"),
    ],
)
def test_encoded_words(raw: bytes, text: str) -> None:
    assert decode_value(raw) == text


@pytest.mark.parametrize("charset", ["utf-8", "us-ascii", "gb2312", "utf-16", "shift_jis", "iso-2022-jp", "euc-kr"])
def test_a_preview_is_cut_between_characters(charset: str) -> None:
    text = "日本" if charset != "us-ascii" else "ä"
    body = ("x" + text * 3000).encode("utf-8" if charset == "us-ascii" else charset)
    assert parse_message(b"Content-Type: text/plain; charset=%b\r\n\r\n%b" % (charset.encode(), body)).preview.startswith(
        "x" + text
    )
