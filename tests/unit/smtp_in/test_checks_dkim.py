"""DKIM: the examples of RFC 6376 §3.4.5 and RFC 8463 Appendix A, dkimpy as an independent signer, and what is refused."""

import base64
import time
from functools import cache
from pathlib import Path
from unittest.mock import patch

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from kit.answers import feed, from_zone
from mailstead.model.dns import Kind, Records, Trouble
from mailstead.wire.headers import fields, split_header
from smtp_in.checks.dkim.canonical import body_blocks, body_hash, field_octets
from smtp_in.checks.dkim.signature import Signature, parse_key, parse_signature
from smtp_in.checks.dkim.verify import DkimResult, Message, Outcome, claims, find_key, judge
from smtp_in.checks.tags import BadTags

GOLDEN = Path(__file__).parents[2] / "golden" / "dkim"
KEYS_8463 = {
    ("brisbane._domainkey.football.example.com", Kind.TXT): Records(
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",)
    ),
    ("test._domainkey.football.example.com", Kind.TXT): Records(
        (
            "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16"
            "JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l"
            "/K4w3QIDAQAB",
        )
    ),
}
PLAIN = b"From: Al <al@a.test>\r\nTo: bob@b.test\r\nSubject: Hi  there\r\n\r\nOne  line \r\n\r\nanother\t line\r\n\r\n\r\n"


@cache
def rsa_key(bits: int = 1024) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


def private_pem(bits: int = 1024) -> bytes:
    return rsa_key(bits).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def public_text(bits: int = 1024) -> str:
    der = rsa_key(bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def signed(message: bytes = PLAIN, *, bits: int = 1024, canonicalization: str = "relaxed/relaxed", length: bool = False) -> bytes:
    header, body = (part.encode() for part in canonicalization.split("/"))
    field = dkim.sign(message, b"sel", b"a.test", private_pem(bits), canonicalize=(header, body), length=length)
    return bytes(field) + message


def verify(message: bytes, record: str | Trouble | None = None, *, now: int | None = None) -> list[DkimResult]:
    published = record if isinstance(record, Trouble) else Records((f"v=DKIM1; p={public_text()}" if record is None else record,))
    return verify_in(message, {("sel._domainkey.a.test", Kind.TXT): published}, now)


def verify_in(message: bytes, zone: dict[tuple[str, Kind], Records | Trouble], now: int | None = None) -> list[DkimResult]:
    split = split_header(message)
    whole = Message(message[:split], message[split:])
    found = claims(whole)
    keys = [feed(find_key(c.read), from_zone(zone)) if isinstance(c.read, Signature) else None for c in found]
    return judge(whole, found, keys, int(time.time()) if now is None else now)


def test_rfc_8463_appendix_a() -> None:
    message = (GOLDEN / "rfc8463-a3.eml").read_bytes()
    results = verify_in(message, dict(KEYS_8463))
    assert [(r.outcome, r.algorithm) for r in results] == [
        (Outcome.PASS, "ed25519-sha256"),
        (Outcome.PASS, "rsa-sha256"),
    ]
    changed = message.replace(b"We lost", b"We won ")
    assert {r.reason for r in verify_in(changed, dict(KEYS_8463))} == {"body hash did not verify"}
    renamed = message.replace(b"Joe SixPack <", b"Jim SixPack <")
    assert {r.reason for r in verify_in(renamed, dict(KEYS_8463))} == {"signature did not verify"}


def test_rfc_6376_3_4_5() -> None:
    header = b"A: X\r\nB : Y\t\r\n\tZ  \r\n"
    assert b"".join(field_octets(header, f, relaxed=True) for f in fields(header)) == b"a:X\r\nb:Y Z\r\n"
    assert b"".join(field_octets(header, f, relaxed=False) for f in fields(header)) == header
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert b"".join(body_blocks(body, relaxed=True)) == b" C\r\nD E\r\n"
    assert b"".join(body_blocks(body, relaxed=False)) == b" C \r\nD \t E\r\n"


@pytest.mark.parametrize(
    ("relaxed", "digest"),
    [(False, "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="), (True, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")],
)
def test_the_hash_of_an_empty_body(relaxed: bool, digest: str) -> None:
    """RFC 6376 §3.4.3, §3.4.4."""
    assert base64.b64encode(body_hash(b"", "sha256", relaxed=relaxed)[0]).decode() == digest


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"bc"]), max_size=30).map(b"".join))
def test_a_body_in_blocks_is_the_body_as_the_rfc_says_it(body: bytes) -> None:
    """Against dkimpy, whose canonical forms work on the whole at once; in blocks of three octets."""
    with patch("smtp_in.checks.dkim.canonical.BLOCK", 3):
        relaxed = b"".join(body_blocks(body, relaxed=True))
    assert relaxed == bytes(dkim.canonicalization.Relaxed.canonicalize_body(body)) or not body.endswith(b"\r\n")
    assert b"".join(body_blocks(body, relaxed=False)) == bytes(dkim.canonicalization.Simple.canonicalize_body(body))


@pytest.mark.parametrize("canonicalization", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"])
def test_what_dkimpy_signs_is_verified(canonicalization: str) -> None:
    message = signed(canonicalization=canonicalization)
    (result,) = verify(message)
    assert (result.outcome, result.domain, result.selector) == (Outcome.PASS, "a.test", "sel")
    folded = message.replace(b"Subject: Hi  there", b"Subject: Hi\r\n there")
    assert verify(folded)[0].outcome is (Outcome.PASS if canonicalization.startswith("relaxed") else Outcome.FAIL)


def test_a_key_in_pkcs_1_form_is_read() -> None:
    der = rsa_key(1024).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    assert verify(signed(), f"p={base64.b64encode(der).decode()}")[0].outcome is Outcome.PASS


def test_what_is_behind_the_signed_length_makes_it_a_matter_of_policy() -> None:
    """RFC 6376 §8.2."""
    message = signed(length=True)
    assert verify(message)[0].outcome is Outcome.PASS
    assert verify(message + b"buy\r\n")[0].outcome is Outcome.POLICY
    assert verify(message[:-20])[0].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("record", "outcome", "reason"),
    [
        (Trouble("away"), Outcome.TEMPERROR, "key unavailable"),
        ("v=DKIM1; p=", Outcome.PERMERROR, "key revoked"),
        ("v=DKIM2; p=aaaa", Outcome.PERMERROR, "bad key record: v= is not DKIM1 or not first"),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", Outcome.PERMERROR, "key is of another kind"),
        ("v=DKIM1; p=aaaa", Outcome.PERMERROR, "key cannot be read"),
        ("nonsense", Outcome.PERMERROR, "bad key record: no tag"),
    ],
)
def test_keys_that_vouch_for_nothing(record: str | Trouble, outcome: Outcome, reason: str) -> None:
    (result,) = verify(signed(), record)
    assert (result.outcome, result.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("tags", "outcome"),
    [("h=sha1;", Outcome.PERMERROR), ("s=other;", Outcome.PERMERROR), ("t=y;", Outcome.PASS), ("t=s;", Outcome.PASS)],
)
def test_what_a_key_allows(tags: str, outcome: Outcome) -> None:
    assert verify(signed(), f"v=DKIM1; {tags} p={public_text()}")[0].outcome is outcome


def test_a_missing_key_is_permanent() -> None:
    assert verify_in(signed(), {})[0].outcome is Outcome.PERMERROR


def test_sha_1_and_short_keys_are_not_trusted() -> None:
    """RFC 8301 §3.1, §3.2."""
    field = dkim.sign(PLAIN, b"sel", b"a.test", private_pem(), signature_algorithm=b"rsa-sha1")
    assert [(r.outcome, r.reason) for r in verify(bytes(field) + PLAIN)] == [(Outcome.FAIL, "rsa-sha1 is not trusted")]
    short = base64.b64decode(
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANmBe10IgY+u7h3enWTukkqtUD5PR52Tb/mPfjC0QJTocVBq6Za/PlzfV+Py92VaCak19F4WrbVTK5Gg5tW220MC"
        "AwEAAQ=="
    )
    (result,) = verify(signed(), f"p={base64.b64encode(short).decode()}")
    assert (result.outcome, result.reason) == (Outcome.FAIL, "key is too short")


def test_signatures_have_their_time() -> None:
    message = signed()
    stamp = int(message.partition(b" t=")[2].partition(b";")[0])
    assert verify(message, now=stamp)[0].outcome is Outcome.PASS
    assert verify(message, now=stamp - 10_000)[0].reason == "signed in the future"
    expiring = message.replace(b" t=", f" x={stamp + 1}; t=".encode())
    assert verify(expiring, now=stamp + 2)[0].reason == "signature expired"


@pytest.mark.parametrize(
    "change",
    [
        ("v=1", "v=2"),
        ("a=rsa-sha256", "a=rsa-md5"),
        ("c=relaxed/relaxed", "c=loose"),
        ("d=a.test", "d=-"),
        ("s=sel", "s="),
        ("h=from", "h=fro"),
        ("bh=aaaa", "bh=!"),
        ("; t=1", "; t=1; t=2"),
        ("; t=1", "; t=5; x=4"),
        ("; t=1", "; i=al@elsewhere.test"),
        ("; t=1", "; q=carrier/pigeon"),
        ("; t=1", "; l=-1"),
    ],
)
def test_malformed_signatures_are_neutral(change: tuple[str, str]) -> None:
    good = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test; s=sel; h=from:to; bh=aaaa; b=bbbb; t=1"
    assert parse_signature(good.encode()).domain == "a.test"
    bad = good.replace(*change)
    assert bad != good
    with pytest.raises(BadTags):
        parse_signature(bad.encode())
    assert verify(b"DKIM-Signature: " + bad.encode() + b"\r\n" + PLAIN)[0].outcome is Outcome.NEUTRAL


def test_only_so_many_signatures_are_looked_at() -> None:
    field = signed()[: -len(PLAIN)]
    assert len(verify(field * 40 + PLAIN)) == 8


@given(st.binary(max_size=300) | st.text(alphabet="abdhistx=;: \r\n\t/@.v1", max_size=80).map(str.encode))
def test_no_octets_break_the_parsers(octets: bytes) -> None:
    for parse in (parse_signature, lambda value: parse_key(value.decode("latin-1"))):
        try:
            parse(octets)
        except BadTags:
            continue
