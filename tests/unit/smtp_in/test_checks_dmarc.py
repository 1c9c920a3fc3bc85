"""DMARC as RFC 9989 has it: the walk up the tree, alignment, which policy is asked for; and reverse names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.answers import feed, from_zone
from mailstead.model.dns import Kind, Question, Records, Trouble
from mailstead.wire.headers import fields
from smtp_in.checks.author import author_domains
from smtp_in.checks.dkim.verify import DkimResult
from smtp_in.checks.dkim.verify import Outcome as DkimOutcome
from smtp_in.checks.dmarc import Authenticated, DmarcResult, Outcome, Policy, check_dmarc, parse_dmarc, strictest
from smtp_in.checks.findings import Findings, Identity, authentication_results
from smtp_in.checks.iprev import IprevResult, check_iprev
from smtp_in.checks.iprev import Outcome as Reverse
from smtp_in.checks.verdict import Fate, Rules, Thresholds, judge

IDENTITY = Identity("192.0.2.1", "mx.a.test", "al@a.test")


def txt(**records: str) -> dict[tuple[str, Kind], Records | Trouble]:
    """`a_test="p=reject"` is the DMARC record of a.test."""
    found: dict[tuple[str, Kind], Records | Trouble] = {}
    for name, value in records.items():
        found[f"_dmarc.{name.replace('_', '.')}", Kind.TXT] = Records((f"v=DMARC1; {value}",))
    return found


def check(
    author: str, zone: dict[tuple[str, Kind], Records | Trouble], *dkim: str, spf: str | None = None, is_open: bool = False
) -> DmarcResult:
    return feed(check_dmarc(author, Authenticated(spf, dkim, is_open)), from_zone(zone))


@pytest.mark.parametrize(
    ("author", "zone", "dkim", "spf", "outcome", "policy"),
    [
        ("a.test", txt(), ("a.test",), None, Outcome.NONE, Policy.NONE),
        ("a.test", txt(a_test="p=reject"), ("a.test",), None, Outcome.PASS, Policy.REJECT),
        ("a.test", txt(a_test="p=reject"), (), "a.test", Outcome.PASS, Policy.REJECT),
        ("a.test", txt(a_test="p=reject"), (), None, Outcome.FAIL, Policy.REJECT),
        ("a.test", txt(a_test="p=reject"), ("b.test",), "c.test", Outcome.FAIL, Policy.REJECT),
        # relaxed alignment: of one organization, whichever is longer
        ("a.test", txt(a_test="p=reject"), ("mail.a.test",), None, Outcome.PASS, Policy.REJECT),
        ("mail.a.test", txt(a_test="p=reject"), ("a.test",), None, Outcome.PASS, Policy.REJECT),
        ("x.a.test", txt(a_test="p=reject"), (), "y.a.test", Outcome.PASS, Policy.REJECT),
        # strict alignment
        ("a.test", txt(a_test="p=reject; adkim=s"), ("mail.a.test",), None, Outcome.FAIL, Policy.REJECT),
        ("a.test", txt(a_test="p=reject; adkim=s"), (), "mail.a.test", Outcome.PASS, Policy.REJECT),
        ("a.test", txt(a_test="p=reject; aspf=s"), (), "mail.a.test", Outcome.FAIL, Policy.REJECT),
        # sp for subdomains, their own record before it
        ("x.a.test", txt(a_test="p=reject; sp=quarantine"), (), None, Outcome.FAIL, Policy.QUARANTINE),
        ("x.a.test", txt(a_test="p=reject", x_a_test="p=none"), (), None, Outcome.FAIL, Policy.NONE),
        # np for names that do not exist
        ("x.a.test", txt(a_test="p=none; np=reject"), (), None, Outcome.FAIL, Policy.REJECT),
        (
            "x.a.test",
            {**txt(a_test="p=none; np=reject"), ("x.a.test", Kind.A): Records(("192.0.2.1",))},
            (),
            None,
            Outcome.FAIL,
            Policy.NONE,
        ),
        # t=y: one step less; pct is no more
        ("a.test", txt(a_test="p=reject; t=y"), (), None, Outcome.FAIL, Policy.QUARANTINE),
        ("a.test", txt(a_test="p=quarantine; t=y"), (), None, Outcome.FAIL, Policy.NONE),
        ("a.test", txt(a_test="p=reject; pct=0"), (), None, Outcome.FAIL, Policy.REJECT),
        # no p, or one that nobody knows, is none
        ("a.test", txt(a_test="rua=mailto:x@a.test"), (), None, Outcome.FAIL, Policy.NONE),
        ("a.test", txt(a_test="p=maybe"), (), None, Outcome.FAIL, Policy.NONE),
        # psd=n begins an organization, below psd=y one label more does
        ("x.a.test", txt(a_test="p=reject", x_a_test="p=reject; psd=n"), ("a.test",), None, Outcome.FAIL, Policy.REJECT),
        ("one.bank", txt(bank="p=reject; psd=y"), ("two.bank",), None, Outcome.FAIL, Policy.REJECT),
        ("one.bank", txt(bank="p=reject; psd=y"), ("x.one.bank",), None, Outcome.PASS, Policy.REJECT),
        ("one.bank", txt(bank="p=none; psd=y"), ("bank",), None, Outcome.FAIL, Policy.NONE),
    ],
)
def test_check(
    author: str,
    zone: dict[tuple[str, Kind], Records | Trouble],
    dkim: tuple[str, ...],
    spf: str | None,
    outcome: Outcome,
    policy: Policy,
) -> None:
    result = check(author, zone, *dkim, spf=spf)
    assert (result.outcome, result.policy) == (outcome, policy)


def test_the_walk_jumps_over_the_middle_of_long_names() -> None:
    """RFC 9989 §4.10: at most eight questions."""
    asked: list[str] = []

    def answer(question: Question) -> Records:
        asked.append(question.name)
        return Records(("nothing",))

    feed(check_dmarc("a.b.c.d.e.f.g.h.i.j.test", Authenticated(None, ())), answer)
    assert asked[:2] == ["_dmarc.a.b.c.d.e.f.g.h.i.j.test", "_dmarc.e.f.g.h.i.j.test"]
    assert asked[-1] == "_dmarc.test" and len(asked) == 8


def test_what_cannot_be_looked_up_fails_nobody() -> None:
    zone = txt(a_test="p=reject")
    assert check("a.test", {("_dmarc.a.test", Kind.TXT): Trouble("away")}, "a.test").outcome is Outcome.TEMPERROR
    assert check("a.test", zone, is_open=True).outcome is Outcome.TEMPERROR
    away = {**zone, ("_dmarc.x.test", Kind.TXT): Trouble("away")}
    assert check("a.test", away, "x.test").outcome is Outcome.TEMPERROR
    assert check("a.test", away, "x.test", "a.test").outcome is Outcome.PASS


def test_two_records_at_one_name_are_none() -> None:
    twice: dict[tuple[str, Kind], Records | Trouble] = {
        ("_dmarc.a.test", Kind.TXT): Records(("v=DMARC1; p=reject", "v=DMARC1; p=none"))
    }
    assert check("a.test", twice).outcome is Outcome.NONE


@pytest.mark.parametrize(
    ("header", "domains"),
    [
        (b"From: Al <al@A.test>\r\n", ["a.test"]),
        (b'from : "x@evil.test" <al@a.test>\r\n', ["a.test"]),
        (b"From: al@a.test, bo@b.test\r\n", ["a.test", "b.test"]),
        (b"From: al@a.test\r\nFrom: bo@b.test\r\n", ["a.test", "b.test"]),
        (b"From: nobody\r\n", []),
        (b"Subject: x\r\n", []),
        ("From: al@jürgen.test\r\n".encode(), ["xn--jrgen-kva.test"]),
    ],
)
def test_authors(header: bytes, domains: list[str]) -> None:
    assert author_domains(fields(header)) == domains


def test_of_several_authors_each_has_to_hold() -> None:
    good = DmarcResult(Outcome.PASS, "a.test", Policy.REJECT)
    bad = DmarcResult(Outcome.FAIL, "b.test", Policy.QUARANTINE)
    worse = DmarcResult(Outcome.FAIL, "c.test", Policy.REJECT)
    assert strictest([good, bad, worse]) is worse
    assert strictest([good]) is good
    assert strictest([]).outcome is Outcome.PERMERROR


@given(st.text(max_size=200))
def test_no_record_breaks_the_parser(text: str) -> None:
    assert parse_dmarc(text) is None or text.lstrip().startswith("v")
    parse_dmarc("v=DMARC1;" + text)


@pytest.mark.parametrize(
    ("zone", "outcome", "hello_fits"),
    [
        ({}, Reverse.PERMERROR, False),
        ({("192.0.2.1", Kind.PTR): Records(("mx.a.test",))}, Reverse.FAIL, False),
        (
            {("192.0.2.1", Kind.PTR): Records(("mx.a.test",)), ("mx.a.test", Kind.A): Records(("192.0.2.1",))},
            Reverse.PASS,
            True,
        ),
        ({("192.0.2.1", Kind.PTR): Trouble("away")}, Reverse.TEMPERROR, False),
        ({("192.0.2.1", Kind.PTR): Records(("x.test",)), ("x.test", Kind.A): Trouble("away")}, Reverse.TEMPERROR, False),
    ],
)
def test_reverse_names(zone: dict[tuple[str, Kind], Records | Trouble], outcome: Reverse, hello_fits: bool) -> None:
    result = feed(check_iprev("192.0.2.1", "mx.a.test"), from_zone(zone))
    assert (result.outcome, result.hello_fits) == (outcome, hello_fits)


def test_authentication_results_are_written_as_rfc_8601_has_them() -> None:
    found = Findings(
        Identity("2001:db8::1", "mx", "al@a.test"),
        IprevResult(Reverse.PASS, "mx.a.test"),
        None,
        (DkimResult(DkimOutcome.FAIL, 'say "no"', "a.test", "sel", "@a.test", "rsa-sha256", "ab+/cd=="),),
        DmarcResult(Outcome.FAIL, "a.test", Policy.REJECT),
    )
    assert authentication_results("mx.here.test", found).decode().split("\r\n") == [
        "Authentication-Results: mx.here.test;",
        "\tiprev=pass (mx.a.test) policy.iprev=2001:db8::1;",
        '\tdkim=fail reason="say \\"no\\"" header.d=a.test header.s=sel header.a=rsa-sha256 header.b=ab+/cd==;',
        "\tdmarc=fail policy.dmarc=reject header.from=a.test",
        "",
    ]


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_stranger_writes_a_header_line(sender: str, domain: str) -> None:
    found = Findings(Identity("192.0.2.1", sender, sender), dmarc=DmarcResult(Outcome.FAIL, domain))
    lines = authentication_results("mx.here.test", found).decode().split("\r\n")
    assert all(line.startswith(("Authentication-Results: ", "\t")) for line in lines[:-1]) and not lines[-1]
    assert not any(c in line for line in lines for c in "\r\n\0")


@pytest.mark.parametrize(
    ("outcome", "policy", "rule", "fate"),
    [
        (Outcome.PASS, Policy.REJECT, "reject", Fate.KEEP),
        (Outcome.TEMPERROR, Policy.REJECT, "reject", Fate.KEEP),
        (Outcome.FAIL, Policy.NONE, "reject", Fate.KEEP),
        (Outcome.FAIL, Policy.QUARANTINE, "reject", Fate.JUNK),
        (Outcome.FAIL, Policy.REJECT, "reject", Fate.REFUSE),
        (Outcome.FAIL, Policy.REJECT, "junk", Fate.JUNK),
        (Outcome.FAIL, Policy.REJECT, "none", Fate.KEEP),
    ],
)
def test_what_dmarc_comes_to(outcome: Outcome, policy: Policy, rule: str, fate: Fate) -> None:
    found = Findings(IDENTITY, dmarc=DmarcResult(outcome, "a.test", policy))
    verdict = judge(found, Rules(rule), Thresholds())  # type: ignore[arg-type]  # a closed list of words
    assert verdict.fate is fate
    assert (verdict.reply is not None) == (fate is Fate.REFUSE)
