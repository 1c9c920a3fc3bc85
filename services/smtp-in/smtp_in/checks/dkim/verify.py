"""Verifying signatures: which keys to ask for, then, without DNS, what the octets say (RFC 6376 §6).

Asking is a core of its own, so that keys come over the loop and the hashing runs in a thread.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailstead.model.dns import Asking, Kind, Question, Records, Trouble
from mailstead.wire.headers import HeaderField, fields
from smtp_in.checks.dkim.canonical import Octets, body_hash, field_octets, without_signature
from smtp_in.checks.dkim.signature import ALGORITHMS, Key, Signature, parse_key, parse_signature
from smtp_in.checks.tags import BadTags

MAX_SIGNATURES = 8  # of one message that are verified, from the top
MIN_RSA_BITS = 1024  # RFC 8301 §3.2
MAX_RSA_BITS = 8192
MAX_EXPONENT_BITS = 33  # a larger one makes verifying slow, and nobody has it
CLOCK_SKEW = 300  # seconds
FIELD = b"dkim-signature"


class Outcome(Enum):
    """RFC 8601 §2.7.1."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DkimResult:
    """Of one signature; `domain` is empty where it could not be read."""

    outcome: Outcome
    reason: str = ""
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    value: str = ""  # the first characters of b=, which tell signatures apart (RFC 6008)


@dataclass(frozen=True, slots=True)
class Message:
    """The octets as they came, with digests of the body that several signatures share."""

    header: bytes
    body: Octets
    fields: list[HeaderField] = field(init=False)
    _hashes: dict[tuple[str, bool, int | None], tuple[bytes, int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", fields(self.header))

    def named(self, name: bytes) -> list[HeaderField]:
        return [each for each in self.fields if each.name.lower() == name]

    def body_hash(self, algorithm: str, limit: int | None, *, relaxed: bool) -> tuple[bytes, int]:
        key = (algorithm, relaxed, limit)
        if key not in self._hashes:
            self._hashes[key] = body_hash(self.body, algorithm, relaxed=relaxed, limit=limit)
        return self._hashes[key]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A signature of the message; `read` is a result at once where it cannot be one."""

    place: HeaderField
    read: Signature | DkimResult


KeyFound = Key | DkimResult
"""What became of asking for a key; a result where it decides."""


def claims(message: Message) -> list[Claimed]:
    """The signatures to be verified, from the top."""
    return [Claimed(each, _read(each)) for each in message.named(FIELD)[:MAX_SIGNATURES]]


def find_key(signature: Signature) -> Asking[KeyFound]:
    """The key, or why there is none."""
    key = yield from ask_key(signature.key_name)
    return key if isinstance(key, Key) else _result(*key, signature)


def ask_key(name: str) -> Asking[Key | tuple[Outcome, str]]:
    """The key of that name, or why there is none."""
    answer = yield Question(name, Kind.TXT)
    if isinstance(answer, Trouble):
        return Outcome.TEMPERROR, "key unavailable"
    if not isinstance(answer, Records):
        return Outcome.PERMERROR, "no key"
    problem = "bad key record"
    for text in answer.values[:4]:  # RFC 6376 §3.6.2.2: several records are an error of theirs; one of them may fit
        try:
            return parse_key(text)
        except BadTags as bad:
            problem = f"bad key record: {bad}"
    return Outcome.PERMERROR, problem


def judge(message: Message, claimed: Sequence[Claimed], keys: Sequence[KeyFound | None], now: int) -> list[DkimResult]:
    """Results in order; `keys` has None where `claimed` is a result already."""
    results: list[DkimResult] = []
    for claim, key in zip(claimed, keys, strict=True):
        if isinstance(claim.read, DkimResult):
            results.append(claim.read)
        elif isinstance(key, DkimResult):
            results.append(key)
        else:
            assert key is not None
            results.append(judge_one(message, claim.place, claim.read, key, now))
    return results


def judge_one(message: Message, place: HeaderField, signature: Signature, key: Key, now: int) -> DkimResult:
    """One signature, which stands at `place`."""
    refusal = key_refusal(signature.algorithm, key)
    if refusal is not None:
        return _result(*refusal, signature)
    if key.is_strict and signature.identity.rpartition("@")[2].lower() != signature.domain:
        return _result(Outcome.PERMERROR, "identity is of a subdomain", signature)
    if signature.expires_at is not None and signature.expires_at < now:
        return _result(Outcome.FAIL, "signature expired", signature)
    if signature.signed_at is not None and signature.signed_at > now + CLOCK_SKEW:
        return _result(Outcome.FAIL, "signed in the future", signature)
    digest, length = message.body_hash(ALGORITHMS[signature.algorithm][1], signature.body_length, relaxed=signature.relaxed_body)
    if signature.body_length is not None and signature.body_length > length:
        return _result(Outcome.FAIL, "body is shorter than l=", signature)
    if digest != signature.body_hash:
        return _result(Outcome.FAIL, "body hash did not verify", signature)
    own = without_signature(field_octets(message.header, place, relaxed=signature.relaxed_header))
    signed = signed_header(message, signature.names, relaxed=signature.relaxed_header) + own
    if not is_signed_by(key, signature.algorithm, signature.value, signed):
        return _result(Outcome.FAIL, "signature did not verify", signature)
    if signature.body_length is not None and signature.body_length < length:
        # RFC 6376 §8.2: whoever stood in between may have written the rest.
        return _result(Outcome.POLICY, "part of the body is not signed", signature)
    return _result(Outcome.PASS, "test key" if key.is_testing else "", signature)


def key_refusal(algorithm: str, key: Key) -> tuple[Outcome, str] | None:
    """Why a key and an algorithm cannot vouch for anything."""
    kind, digest = ALGORITHMS[algorithm]
    if digest == "sha1":
        return Outcome.FAIL, "rsa-sha1 is not trusted"  # RFC 8301 §3.1
    if not key.material:
        return Outcome.PERMERROR, "key revoked"
    if key.kind != kind:
        return Outcome.PERMERROR, "key is of another kind"
    if key.hashes and digest not in key.hashes:
        return Outcome.PERMERROR, "hash is not allowed by the key"
    if not {"*", "email"} & set(key.services):
        return Outcome.PERMERROR, "key is not for mail"
    public = _public_key(kind, key.material)
    if public is None:
        return Outcome.PERMERROR, "key cannot be read"
    if isinstance(public, RSAPublicKey) and public.key_size < MIN_RSA_BITS:
        return Outcome.FAIL, "key is too short"  # RFC 8301 §3.2
    return None


def signed_header(message: Message, names: Iterable[bytes], *, relaxed: bool) -> bytes:
    """The fields that h= names, each time the next one from below (RFC 6376 §5.4.2)."""
    left: dict[bytes, list[HeaderField]] = {}
    for each in message.fields:
        left.setdefault(each.name.strip().lower(), []).append(each)
    chosen = (left[name].pop() for name in names if left.get(name))
    return b"".join(field_octets(message.header, each, relaxed=relaxed) for each in chosen)


def is_signed_by(key: Key, algorithm: str, value: bytes, octets: bytes) -> bool:
    """Whether `value` is the key's signature over `octets`; `key_refusal` has found nothing against it."""
    kind, digest = ALGORITHMS[algorithm]
    hashed = hashlib.new(digest, octets).digest()
    public = _public_key(kind, key.material)
    try:
        if isinstance(public, Ed25519PublicKey):
            public.verify(value, hashed)  # RFC 8463 §3
        elif isinstance(public, RSAPublicKey):
            public.verify(value, hashed, PKCS1v15(), Prehashed(SHA256() if digest == "sha256" else SHA1()))  # noqa: S303
        else:
            return False
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=2048)
def _public_key(kind: str, material: bytes) -> RSAPublicKey | Ed25519PublicKey | None:
    try:
        if kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(material)
        public = load_der_public_key(material)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(public, RSAPublicKey) or public.key_size > MAX_RSA_BITS:
        return None
    return public if public.public_numbers().e.bit_length() <= MAX_EXPONENT_BITS else None


def _read(place: HeaderField) -> Signature | DkimResult:
    try:
        return parse_signature(place.value)
    except BadTags as bad:
        return DkimResult(Outcome.NEUTRAL, str(bad))


def _result(outcome: Outcome, reason: str, signature: Signature) -> DkimResult:
    return DkimResult(
        outcome,
        reason,
        signature.domain,
        signature.selector,
        signature.identity,
        signature.algorithm,
        base64.b64encode(signature.value[:6]).decode(),  # eight characters, RFC 6008 §4
    )
