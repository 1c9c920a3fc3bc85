"""ARC: chains made here, on which dkimpy has to agree; what breaks them (RFC 8617 §5.2), and whom they excuse."""

import base64
import hashlib
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit.answers import feed, from_zone
from mailstead.model.dns import Kind, Records, Trouble
from mailstead.wire.dkim import relaxed
from mailstead.wire.headers import fields, split_header
from smtp_in.checks import arc, dmarc
from smtp_in.checks.arc import ArcResult, Outcome
from smtp_in.checks.dkim.verify import Message
from smtp_in.checks.findings import Findings, Identity, authentication_results
from smtp_in.checks.verdict import Fate, Rules, Thresholds, judge

NOW = 1_700_000_000
PLAIN = b"From: Al <al@a.test>\r\nTo: bob@b.test\r\nSubject: Hi\r\n\r\nOne line\r\n"
TOLD = "mx.list.test; dmarc=pass header.from=a.test"
IDENTITY = Identity("192.0.2.1", "list.test", "bounces@list.test")


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def record() -> str:
    der = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; p={base64.b64encode(der).decode()}"


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def with_signature(name: str, tags: str, before: bytes) -> bytes:
    unsigned = f"{name}: {tags}; b=".encode()
    (own,) = fields(unsigned)
    value = key().sign(before + relaxed(own).removesuffix(b"\r\n"), PKCS1v15(), SHA256())
    return unsigned + b64(value).encode() + b"\r\n"


def sealed(
    message: bytes = PLAIN,
    *,
    domain: str = "list.test",
    told: str = TOLD,
    cv: str = "",
    names: str = "from:subject",
    extra: str = "",
) -> bytes:
    """The message with one more set on top."""
    at = split_header(message)
    present = fields(message[:at])
    older = [f for f in present if f.name.lower().startswith(b"arc-")]
    i = len(older) // 3 + 1
    results = f"ARC-Authentication-Results: i={i}; {told}\r\n".encode()
    digest = b64(hashlib.sha256(message[at:]).digest())
    chosen = b"".join(relaxed(f) for name in names.split(":") for f in present if f.name.lower() == name.encode())
    about = f"a=rsa-sha256; d={domain}; s=sel; t={NOW}"
    signature = with_signature("ARC-Message-Signature", f"i={i}; {about}; c=relaxed/relaxed; h={names}; bh={digest}", chosen)
    # Each set stands on top of the older one as seal, signature, results: what is sealed goes from below up.
    before = b"".join(relaxed(f) for f in reversed(older)) + b"".join(relaxed(f) for f in fields(results + signature))
    seal = with_signature("ARC-Seal", f"i={i}; {about}; cv={cv or ('none' if i == 1 else 'pass')}{extra}", before)
    return seal + signature + results + message


def validate(message: bytes, published: Records | Trouble | None = None) -> ArcResult:
    at = split_header(message)
    whole = Message(message[:at], message[at:])
    chain = arc.read_chain(whole)
    if isinstance(chain, ArcResult):
        return chain
    zone = {(f"sel._domainkey.{d}.test", Kind.TXT): published or Records((record(),)) for d in ("list", "other")}
    keys = feed(arc.find_keys(chain), from_zone(zone))
    return keys if isinstance(keys, ArcResult) else arc.judge(whole, chain, keys, NOW)


def oracle(message: bytes) -> bytes:
    return bytes(dkim.arc_verify(message, dnsfunc=lambda _name, timeout=5: record().encode())[0])


def test_chains_that_hold() -> None:
    one = sealed()
    two = sealed(one, domain="other.test", told="mx.other.test; arc=pass")
    assert validate(PLAIN) == ArcResult(Outcome.NONE)
    assert validate(one).outcome is Outcome.PASS and oracle(one) == b"pass"
    result = validate(two)
    assert (result.outcome, result.sealers) == (Outcome.PASS, ("list.test", "other.test")) and oracle(two) == b"pass"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (sealed().replace(b"One line", b"Two lines"), "message signature: body hash did not verify"),
        (sealed().replace(b"Subject: Hi", b"Subject: Ho"), "message signature: signature did not verify"),
        (sealed().replace(b"dmarc=pass", b"dmarc=fail"), "seal 1 did not verify"),
        (sealed(sealed()).replace(b"i=1; mx.list.test", b"i=1; mx.last.test"), "seal 2 did not verify"),
        (sealed(cv="pass"), "cv= of a seal is no pass"),
        (sealed(sealed(), cv="fail"), "cv= of a seal is no pass"),
        (sealed(sealed(), cv="none"), "cv= of a seal is no pass"),
        (sealed(extra="; h=from"), "h= in a seal"),
        (sealed(names="from:arc-seal"), "a seal is signed"),
        (sealed().partition(b"\r\n")[2], "instances are not whole"),
        (sealed().partition(b"\r\n")[0] + b"\r\n" + sealed(), "instances are not whole"),
        (sealed().replace(b"i=1;", b"i=2;"), "instances are not whole"),
        (b"ARC-Seal: i=1\r\n" * 51 + PLAIN, "too many sets"),
    ],
)
def test_chains_that_do_not(message: bytes, reason: str) -> None:
    assert validate(message) == ArcResult(Outcome.FAIL, reason)


def test_keys_that_cannot_be_had() -> None:
    assert validate(sealed(), Trouble("timeout")).outcome is Outcome.TEMPERROR
    assert validate(sealed(), Records(("v=DKIM1; p=",))).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("told", "trusted", "fate"),
    [
        (TOLD, {"list.test"}, Fate.KEEP),
        (TOLD, set[str](), Fate.REFUSE),
        (TOLD, {"other.test"}, Fate.REFUSE),
        ("mx.list.test; dmarc=fail header.from=a.test", {"list.test"}, Fate.REFUSE),
        ("mx.list.test; dmarc=pass header.from=b.test", {"list.test"}, Fate.REFUSE),
        ('mx.list.test; spf=fail reason="; dmarc=pass header.from=a.test"', {"list.test"}, Fate.REFUSE),
    ],
)
def test_trusted_sealers_excuse_what_fails_dmarc(told: str, trusted: set[str], fate: Fate) -> None:
    failed = dmarc.DmarcResult(dmarc.Outcome.FAIL, "a.test", dmarc.Policy.REJECT)
    found = Findings(IDENTITY, dmarc=failed, arc=validate(sealed(told=told)))
    assert judge(found, Rules("reject", sealers=frozenset(trusted)), Thresholds()).fate is fate


def test_a_stranger_in_the_chain_takes_its_trust() -> None:
    chain = validate(sealed(sealed(), domain="other.test"))
    assert chain.vouches("a.test", {"list.test", "other.test"}) and not chain.vouches("a.test", {"list.test"})


def test_results_are_told() -> None:
    found = Findings(IDENTITY, arc=validate(sealed()))
    assert b"\tarc=pass smtp.remote-ip=192.0.2.1\r\n" in authentication_results("mx.a.test", found)
    assert b"arc=" not in authentication_results("mx.a.test", Findings(IDENTITY, arc=validate(PLAIN)))
