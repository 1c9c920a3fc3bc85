"""What holds for every script and message: no surprise, bounded time, and answers that are well-formed messages."""

import email
import email.policy
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstead.wire.message import parse_message
from mailstead.wire.sieve import Limits, ScriptError, compile_script
from mailstead.wire.sieve.extensions import EXTENSIONS
from mailstead.wire.sieve.tree import Comparator
from smtp_in.sieve.matching import wildcard_match
from smtp_in.sieve.message import Content
from smtp_in.sieve.plan import Answer, Bounds, Filing, Occasion, Plan
from smtp_in.sieve.planner import make_plan
from smtp_in.sieve.vacation import compose
from unit.smtp_in.sieve_golden import cases

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
OCCASION = Occasion(NOW, "bob@b.test", "alice@a.test", ("alice@a.test",), frozenset({"INBOX"}))
MESSAGE = Content(
    parse_message(b"From: bob@b.test\r\nTo: alice@a.test\r\nSubject: hello\r\nMessage-ID: <1@b.test>\r\n\r\nHello.\r\n")
)
ALL = "require [" + ", ".join(f'"{name}"' for name in EXTENSIONS) + "];\n"

SCRIPTS = [case.script for case in cases()]
TOKENS = [
    *(
        '"',
        "\\",
        ";",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        ":",
        "#",
        "/*",
        "*/",
        " ",
        "\r\n",
        "text:\r\n",
        ".\r\n",
        "1",
        "9G",
        "\0",
        "\r",
    ),
    *(
        " if ",
        " elsif ",
        " else ",
        " not ",
        " anyof ",
        " allof ",
        " true ",
        ' header :matches "subject" "*" ',
        " keep; ",
        " stop; ",
    ),
    *(
        ' set "a" "${1}${a}"; ',
        ' fileinto "${a}"; ',
        " duplicate ",
        ' vacation "x"; ',
        ' string "${a}" "b" ',
        ' redirect "a@b.c"; ',
    ),
    *("${hex: 41}", "${unicode:d800}", "é", '"a"', '["a", "b"]', ":count", ":last", " hasflag ", ' addflag "x"; '),
]


def plan(script: str, message: Content = MESSAGE, occasion: Occasion = OCCASION, bounds: Bounds | None = None) -> Plan:
    return make_plan(compile_script(script.encode()), message, occasion, bounds or Bounds())


@given(
    st.one_of(
        st.binary(max_size=300), st.lists(st.sampled_from(TOKENS), max_size=30).map(lambda parts: (ALL + "".join(parts)).encode())
    )
)
def test_whatever_the_octets_are_there_is_a_plan_or_an_error_with_its_place(octets: bytes) -> None:
    try:
        script = compile_script(octets)
    except ScriptError as error:
        assert error.at.line >= 1
        assert error.at.column >= 1
        assert str(error).startswith("line ")
        return
    result = make_plan(script, MESSAGE, OCCASION, Bounds(steps=500))
    assert result.error is None or result.filings == (Filing("INBOX"),)


@given(st.sampled_from(SCRIPTS), st.binary(max_size=500), st.booleans())
@settings(max_examples=200)
def test_whatever_the_message_is_every_script_has_a_plan(source: str, octets: bytes, header: bool) -> None:
    try:
        script = compile_script(source.encode())
    except ScriptError:
        return
    message = Content(parse_message((b"From: " + octets + b"\r\n\r\n" if header else b"") + octets))
    assert isinstance(make_plan(script, message, OCCASION, Bounds(steps=2_000)), Plan)


def by_definition(value: bytes, pattern: bytes) -> bool:
    """RFC 5228 §2.7.1, the slow way."""
    if not pattern:
        return not value
    if pattern[:1] == b"*":
        return any(by_definition(value[n:], pattern[1:]) for n in range(len(value) + 1))
    if not value:
        return False
    return (pattern[:1] == b"?" or pattern[:1] == value[:1]) and by_definition(value[1:], pattern[1:])


@given(st.text("ab", max_size=8), st.text("ab*?", max_size=7))
def test_wildcards_match_what_they_are_defined_to(value: str, pattern: str) -> None:
    found = wildcard_match(value.encode(), pattern.encode(), Comparator.OCTET)
    assert (found is not None) is by_definition(value.encode(), pattern.encode())
    if found is not None:
        wildcards = iter(found[1:])
        assert "".join(next(wildcards).decode() if piece in "*?" else piece for piece in pattern) == value


HOSTILE = {
    "wildcards": 'if header :matches "subject" "' + "*a" * 500 + '*b" { discard; }',
    "question marks": 'if header :matches "subject" "*' + "a?" * 500 + 'b" { discard; }',
    "doubling": 'set "a" "0123456789";' + 'set "a" "${a}${a}";' * 500,
    "long strings": 'set "a" "' + "x" * 8000 + '"; if string "' + "${a}" * 5000 + '" "b" { discard; }',
    "bodies": 'if anyof (body :raw :contains "nothing"' + ', body :raw :contains "nothing"' * 300 + ") { discard; }",
    "keys": 'if header :contains "subject" [' + ", ".join(f'"{n}"' for n in range(15_000)) + "] { discard; }",
    "variables": "".join(f'set "v{n}" "x";' for n in range(300)),
    "flags": "".join(f'addflag "f{n}";' for n in range(1000)),
    "identities": "if anyof (" + ", ".join(f'duplicate :uniqueid "{n}"' for n in range(100)) + ") { discard; }",
    "actions": "".join(f'fileinto "f{n}";' for n in range(100)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_script_ends_soon(name: str) -> None:
    message = Content(parse_message(b"Subject: " + b"a" * 60_000 + b"\r\n\r\n" + b"a" * 2_000_000))
    script = compile_script((ALL + HOSTILE[name]).encode(), Limits(octets=256 * 1024))
    started = time.process_time()
    result = make_plan(script, message, OCCASION, Bounds())
    assert time.process_time() - started < 2
    # What can be cut off is, and is no error (RFC 5229 §6, RFC 5232 §2); all else is.
    assert (result.error is None) is (name in ("doubling", "flags"))
    assert result.filings


def test_a_script_has_a_size() -> None:
    with pytest.raises(ScriptError, match="at most 10 octets"):
        compile_script(b"keep; keep; keep;", Limits(octets=10))


def test_not_utf_8_says_where() -> None:
    with pytest.raises(ScriptError, match="line 2, column 7: the script is not UTF-8"):
        compile_script(b"keep;\r\n# \xc3\xa4\xc3\xa4: \xff")


def test_what_was_redirected_marks_and_answers_in_one_plan() -> None:
    made = plan(ALL + 'if not duplicate { redirect :copy "c@c.test"; vacation "away"; fileinto :create :flags "\\\\Seen" "x"; }')
    assert made.redirects == ("c@c.test",)
    assert made.answer is not None
    assert len(made.marks) == 2
    seen = frozenset(mark.key for mark in made.marks)
    again = plan(ALL + 'if not duplicate { redirect "c@c.test"; vacation "away"; }', occasion=replace(OCCASION, seen=seen))
    assert again == Plan((Filing(None),))


def answer_of(script: str, message: Content = MESSAGE) -> tuple[Answer, "email.message.EmailMessage"]:
    made = plan(ALL + script, message).answer
    assert made is not None
    octets = compose(made, NOW, "2@a.test")
    assert b"\n" not in octets.replace(b"\r\n", b"")
    parsed = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(parsed, email.message.EmailMessage)
    assert not parsed.defects
    return made, parsed


def test_an_answer_is_a_message() -> None:
    """RFC 5230 §5, RFC 3834 §3."""
    _, message = answer_of('vacation :subject "Grüße, alle miteinander" :from "Älice <alice@a.test>" "Ich bin weg.\r\nGrüße";')
    assert message["To"] == "bob@b.test"
    assert message["From"].addresses[0].display_name == "Älice"
    assert message["Subject"] == "Grüße, alle miteinander"
    assert message["In-Reply-To"] == "<1@b.test>"
    assert message["References"] == "<1@b.test>"
    assert message["Auto-Submitted"] == "auto-replied (vacation)"
    assert message["Date"].datetime == NOW
    assert message.get_content() == "Ich bin weg.\r\nGrüße\r\n"


def test_an_answer_may_be_a_mime_entity() -> None:
    """RFC 5230 §4.4; of its header only what is about content is taken."""
    _, message = answer_of(
        "vacation :mime text:\r\nContent-Type: multipart/alternative;\r\n boundary=foo\r\nBcc: eve@e.test\r\n continued\r\n\r\n"
        "--foo\r\n\r\nAt the beach.\r\n--foo\r\nContent-Type: text/html\r\n\r\n<p>At the beach.\r\n--foo--\r\n.\r\n;"
    )
    assert message["Bcc"] is None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_subject_or_reason_breaks_an_answer(subject: str, reason: str) -> None:
    def quoted(text: str) -> str:
        return (
            text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "").replace("\r", "").encode("utf-8", "ignore").decode()
        )

    _, message = answer_of(f'vacation :subject "{quoted(subject)}" "{quoted(reason)}";')
    assert set(message.keys()) <= {
        *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "Precedence"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    }


def test_our_own_lines_stand_above_the_message() -> None:
    """`received` is then the field that we have written (RFC 5260 §4.4)."""
    source = ALL + 'if header :index 1 :contains "received" "by us" { discard; } if exists "return-path" { fileinto "x"; }'
    prefix = b"Return-Path: <bob@b.test>\r\nReceived: by us\r\n"
    made = make_plan(compile_script(source.encode()), MESSAGE, OCCASION, Bounds(), prefix)
    assert made.filings == (Filing("x"),)
