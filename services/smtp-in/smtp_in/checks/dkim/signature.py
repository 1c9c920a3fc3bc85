"""A DKIM-Signature field and a key record as values (RFC 6376 §3.5, §3.6.1, RFC 8463)."""

import base64
import binascii
import re
from dataclasses import dataclass

from smtp_in.checks.tags import BadTags, parse_tags, without_space

MAX_FIELD = 16 * 1024  # octets of a signature or key
MAX_SIGNED_FIELDS = 500  # names in h=
ALGORITHMS = {"rsa-sha256": ("rsa", "sha256"), "rsa-sha1": ("rsa", "sha1"), "ed25519-sha256": ("ed25519", "sha256")}

_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*")
_NUMBER = re.compile(r"[0-9]{1,76}")


@dataclass(frozen=True, slots=True)
class Signature:
    """`body_length` is l=, `signed_at` t= and `expires_at` x= in Unix time."""

    domain: str
    selector: str
    algorithm: str
    names: tuple[bytes, ...]  # lower case
    value: bytes
    body_hash: bytes
    relaxed_header: bool
    relaxed_body: bool
    identity: str  # i=
    body_length: int | None = None
    signed_at: int | None = None
    expires_at: int | None = None

    @property
    def key_name(self) -> str:
        """Where the key is published (RFC 6376 §3.6.2.1)."""
        return key_name(self.domain, self.selector)


@dataclass(frozen=True, slots=True)
class Key:
    """`material` is DER or, of Ed25519, 32 octets; empty for a revoked key."""

    kind: str
    material: bytes
    hashes: tuple[str, ...] = ()  # those allowed; none: all
    services: tuple[str, ...] = ("*",)
    is_strict: bool = False  # t=s: i= has to have exactly the domain of d=
    is_testing: bool = False


def parse_signature(value: bytes) -> Signature:
    """The value of a DKIM-Signature field. Raises BadTags."""
    tags = _tags_of(value)
    if tags.get("v") != "1":
        raise BadTags("v= is not 1")
    return read_signature(tags)


def read_signature(tags: dict[str, str]) -> Signature:
    """What DKIM-Signature and ARC-Message-Signature have in common. Raises BadTags."""
    names = tuple(name.strip(" \t\r\n").lower().encode() for name in _required(tags, "h").split(":"))
    if not all(names) or len(names) > MAX_SIGNED_FIELDS:
        raise BadTags("h= is malformed")
    if b"from" not in names:  # RFC 6376 §5.4
        raise BadTags("From is not signed")
    domain = domain_of(tags, "d")
    identity = without_space(tags.get("i", f"@{domain}"))
    within = identity.rpartition("@")[2].lower()
    if within != domain.lower() and not within.endswith("." + domain.lower()):
        raise BadTags("i= is not within d=")
    if "dns/txt" not in [way.strip() for way in tags.get("q", "dns/txt").split(":")]:
        raise BadTags("q= is unknown")
    header, body = canonicalization(tags.get("c", "simple/simple"))
    signed_at, expires_at = number_of(tags, "t"), number_of(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise BadTags("x= is not after t=")
    return Signature(
        domain=domain,
        selector=domain_of(tags, "s"),
        algorithm=algorithm_of(tags),
        names=names,
        value=octets_of(tags, "b"),
        body_hash=octets_of(tags, "bh"),
        relaxed_header=header,
        relaxed_body=body,
        identity=identity,
        body_length=number_of(tags, "l"),
        signed_at=signed_at,
        expires_at=expires_at,
    )


def parse_key(text: str) -> Key:
    """A key record. Raises BadTags."""
    if len(text) > MAX_FIELD:
        raise BadTags("too long")
    tags = parse_tags(text)
    if "v" in tags and (next(iter(tags)) != "v" or tags["v"] != "DKIM1"):
        raise BadTags("v= is not DKIM1 or not first")
    kind = tags.get("k", "rsa").lower()
    if kind not in ("rsa", "ed25519"):
        raise BadTags("k= is unknown")
    flags = [flag.strip() for flag in tags.get("t", "").split(":")]
    return Key(
        kind,
        octets_of(tags, "p", may_be_empty=True),
        tuple(name.strip().lower() for name in tags["h"].split(":")) if "h" in tags else (),
        tuple(name.strip().lower() for name in tags.get("s", "*").split(":")),
        "s" in flags,
        "y" in flags,
    )


def key_name(domain: str, selector: str) -> str:
    """RFC 6376 §3.6.2.1."""
    return f"{selector}._domainkey.{domain}"


def signature_tags(value: bytes) -> dict[str, str]:
    """The tags of any signature-like field. Raises BadTags."""
    return _tags_of(value)


def canonicalization(text: str) -> tuple[bool, bool]:
    """c=: whether header and body are relaxed. Raises BadTags."""
    header, _, body = text.lower().partition("/")
    forms = (header.strip(), body.strip() or "simple")
    if not set(forms) <= {"simple", "relaxed"}:
        raise BadTags("c= is unknown")
    return forms[0] == "relaxed", forms[1] == "relaxed"


def algorithm_of(tags: dict[str, str]) -> str:
    name = _required(tags, "a").lower()
    if name not in ALGORITHMS:
        raise BadTags("a= is unknown")
    return name


def domain_of(tags: dict[str, str], name: str) -> str:
    """A domain or selector as A-labels. Raises BadTags."""
    value = without_space(_required(tags, name))
    if not value.isascii():  # RFC 8616 §3
        try:
            value = value.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise BadTags(f"{name}= is no domain") from error
    if _DOMAIN.fullmatch(value) is None:
        raise BadTags(f"{name}= is no domain")
    return value.lower()


def number_of(tags: dict[str, str], name: str) -> int | None:
    if name not in tags:
        return None
    if _NUMBER.fullmatch(tags[name]) is None:
        raise BadTags(f"{name}= is no number")
    return int(tags[name])


def octets_of(tags: dict[str, str], name: str, *, may_be_empty: bool = False) -> bytes:
    if name not in tags:
        raise BadTags(f"{name}= is missing")
    try:
        octets = base64.b64decode(without_space(tags[name]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadTags(f"{name}= is no base64") from error
    if not octets and not may_be_empty:
        raise BadTags(f"{name}= is empty")
    return octets


def _tags_of(value: bytes) -> dict[str, str]:
    if len(value) > MAX_FIELD:
        raise BadTags("too long")
    try:
        return parse_tags(value.decode())  # RFC 8616 §2: UTF-8
    except UnicodeDecodeError as error:
        raise BadTags("not UTF-8") from error


def _required(tags: dict[str, str], name: str) -> str:
    value = tags.get(name, "")
    if not value:
        raise BadTags(f"{name}= is missing")
    return value
