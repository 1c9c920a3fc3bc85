"""What SORT and THREAD compare: base subjects (RFC 5256 §2.1), collation keys (RFC 5051), first addresses (RFC 5957)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.wire.collation import casemap
from mailstead.wire.folded import FIELDS, fold_line, fold_lines, is_served
from mailstead.wire.message import parse_message
from mailstead.wire.subject import base_subject


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("Hello", "Hello", False),
        ("Re: Hello", "Hello", True),
        ("RE:Hello", "Hello", True),
        ("Fwd: Hello", "Hello", True),
        ("fw : Hello", "Hello", True),
        ("Re: Re: Fwd: Hello", "Hello", True),
        ("Re[2]: Hello", "Hello", True),  # subj-refwd with a subj-blob
        ("[list] Hello", "Hello", False),
        ("[list] Re: Hello", "Hello", True),
        ("Re: [list] Hello", "Hello", True),
        ("Re: [list] [other] Re: Hello", "Hello", True),
        ("[PATCH]", "[PATCH]", False),  # nothing else would be left
        ("Re: [PATCH]", "[PATCH]", True),
        ("[a] [b]", "[b]", False),
        ("Hello (fwd)", "Hello", True),
        ("Hello (FWD)  (fwd)", "Hello", True),
        ("[Fwd: Hello]", "Hello", True),
        ("[fwd: Re: Hello (fwd)]", "Hello", True),
        ("  Hello\t world ", "Hello world", False),
        ("Rest: Hello", "Rest: Hello", False),
        ("Reply: Hello", "Reply: Hello", False),
        ("Re:", "", True),
        ("", "", False),
        ("(no subject)", "(no subject)", False),
        ("a]", "a]", False),
    ],
)
def test_base_subject(subject: str, base: str, is_reply: bool) -> None:
    assert base_subject(subject) == (base, is_reply)


@given(st.text(alphabet="refwd[]():, \tab", max_size=60))
def test_a_base_subject_is_its_own(subject: str) -> None:
    base = base_subject(subject).text
    assert base_subject(base).text == base


def test_a_hostile_subject_takes_no_time() -> None:
    for piece in ("re:", "[", "[]", "(fwd)", "[fwd:", " ", "[a] re:", "[]re[]:"):
        base_subject(piece * 20_000)
        base_subject(piece * 20_000 + "x" + "]" * 20_000)


@pytest.mark.parametrize(
    ("left", "right"), [("straße", "STRAßE"), ("Ärger", "ärger"), ("résumé", "RÉSUMÉ"), ("ﬁne", "FIne"), ("Å", "Å")]
)
def test_letters_compare_without_case(left: str, right: str) -> None:
    assert casemap(left).casefold() == casemap(right).casefold()


def test_the_order_of_keys_is_that_of_code_points() -> None:
    assert sorted(["b", "Ä", "a", "Z", "é"], key=casemap) == ["a", "Ä", "b", "é", "Z"]


def test_keys_of_a_message() -> None:
    message = (
        "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.net>, other@example.net\r\nTo: Team: a@b.test, c@d.test;\r\n"
        "Cc: plain@example.org\r\nSubject: =?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=\r\n\r\n"
    )
    keys = parse_message(message.encode()).sort_keys
    assert keys.is_reply
    assert keys == (casemap("Grüße"), True, "JOERG", "TEAM", "PLAIN", casemap("Jörg"), "TEAM")
    assert parse_message(b"Subject: x\r\n\r\n").sort_keys == ("X", False, "", "", "", "", "")
    assert parse_message(b"From: a@b.test\r\n\r\n").sort_keys.display_from == "A@B.TEST"


@given(st.binary(max_size=300))
def test_keys_of_anything_can_be_stored(value: bytes) -> None:
    header = b"From: %b\r\nTo: %b\r\nSubject: %b\r\n\r\n" % (value, value[::-1], value)
    parsed = parse_message(header)
    stored = [str(key) for key in parsed.sort_keys] + [text for text in parsed.folded or () if text is not None]
    for text in stored:
        text.encode()
        assert "\0" not in text
        assert "\n" not in text
        assert "\x02" not in text


def test_fields_for_search() -> None:
    folded = parse_message(b"subject: A\tB\r\nTO: X@Y\r\nCc:\r\n\r\n").folded
    assert folded == ("a\x01b", None, "x@y", "", None)
    assert len(FIELDS) == 5
    assert parse_message(b"To: a\r\nTo: b\r\n\r\n").folded is None
    assert parse_message(b"To: %b\r\n\r\n" % (b"a" * 3000)).folded is None


def test_ancestors() -> None:
    """RFC 5256 §3: References, or else the first of In-Reply-To."""
    assert parse_message(b"References: <a@x> <b@x>\r\nIn-Reply-To: <c@x>\r\n\r\n").ancestors == ("<a@x>", "<b@x>")
    assert parse_message(b"In-Reply-To: <c@x> <d@x>\r\n\r\n").ancestors == ("<c@x>",)
    assert parse_message(b"\r\n").ancestors == ()


@given(st.text(), st.text(min_size=1))
def test_what_is_kept_holds_what_the_text_holds(text: str, key: str) -> None:
    """For keys that are served at all."""
    if is_served(key):
        for kept in (fold_line(text), fold_lines(text)):
            assert (key.casefold() in kept) is (key.casefold() in text.casefold())
