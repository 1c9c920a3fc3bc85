"""Signing a message with DKIM (RFC 6376, RFC 8463): what is hashed, and the field that says so. Pure; keys sign elsewhere.

    body = BodyHash(); body.update(octets) …
    unsigned = unsigned_field(header, body.digest(), …)
    signature = key over signing_input(header, names, unsigned)
    field = signed_field(unsigned, signature)

Both canonicalizations are `relaxed`, which survives what relays do to white space.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from mailstead.wire.headers import HeaderField, fields

# Fields that say what a reader is shown. They are signed once more than they occur, so that none can be added (RFC 6376 §5.4.2).
SIGNED = (
    b"from",
    b"sender",
    b"reply-to",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"content-id",
    b"content-description",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
OVERSIGNED = frozenset({b"from", b"to", b"cc", b"subject", b"date", b"reply-to", b"mime-version", b"content-type"})
_LINE = 72  # octets of base64 on one line of the field

_WHITE = re.compile(rb"[ \t]+")
_WHITE_AT_END = re.compile(rb"[ \t]+(?=\r\n)")


class Algorithm(Enum):
    """`a=` of a signature; the value of a key record's `k=` is what stands before the hyphen."""

    RSA_SHA256 = "rsa-sha256"
    ED25519_SHA256 = "ed25519-sha256"

    @property
    def key_type(self) -> str:
        return self.value.partition("-")[0]


class BodyHash:
    """The hash of a body, relaxed (RFC 6376 §3.4.4), from pieces of any size. Holds one unfinished line and a count."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._rest = b""  # of the last line, which has no end yet
        self._empty_lines = 0  # that count only if something follows
        self._any = False

    def update(self, octets: bytes) -> None:
        data = self._rest + octets
        cut = data.rfind(b"\r\n") + 2
        if cut == 1:
            self._rest = data
            return
        self._rest = data[cut:]
        self._lines(_WHITE.sub(b" ", _WHITE_AT_END.sub(b"", data[:cut])))

    def _lines(self, lines: bytes) -> None:
        """Whole lines in their relaxed form."""
        kept = lines.rstrip(b"\r\n")
        if not kept:
            self._empty_lines += lines.count(b"\r\n")
            return
        kept += b"\r\n"
        self._hash.update(b"\r\n" * self._empty_lines + kept)
        self._empty_lines = (len(lines) - len(kept)) // 2
        self._any = True

    def digest(self) -> bytes:
        """32 octets. A last line without an end gets one; a body of nothing hashes as nothing."""
        if self._rest:
            last = _WHITE.sub(b" ", self._rest.rstrip(b" \t"))
            self._rest = b""
            self._lines(last + b"\r\n")
        return self._hash.digest()


def relaxed(field: HeaderField) -> bytes:
    """A header field with its line end, relaxed (RFC 6376 §3.4.2)."""
    value = _WHITE.sub(b" ", re.sub(rb"\r?\n", b"", field.value)).strip(b" \t")
    return field.name.lower() + b":" + value + b"\r\n"


def names_to_sign(header: bytes) -> list[bytes]:
    """`h=`: the fields in SIGNED, each as often as it occurs, and some once more (RFC 6376 §5.4)."""
    present = [field.name.lower() for field in fields(header)]
    return [name for name in SIGNED for _ in range(present.count(name) + (name in OVERSIGNED))]


def unsigned_field(
    names: Sequence[bytes], body_hash: bytes, *, algorithm: Algorithm, domain: str, selector: str, now: datetime
) -> bytes:
    """The DKIM-Signature field with an empty `b=`, folded, without its final line end."""
    lines = [
        f"DKIM-Signature: v=1; a={algorithm.value}; c=relaxed/relaxed; d={domain}; s={selector};",
        f" t={int(now.timestamp())}; h={_folded([name.decode() for name in names])};",
        f" bh={b64encode(body_hash).decode()};",
        " b=",
    ]
    return "\r\n".join(lines).encode()


def _folded(names: Sequence[str]) -> str:
    """A list of names with colons, on lines of a bearable length."""
    lines, line = [], ""
    for name in names:
        if len(line) + len(name) > _LINE:
            lines.append(line)
            line = ""
        line += f"{name}:"
    return "\r\n  ".join([*lines, line]).rstrip(":")


def signing_input(header: bytes, names: Sequence[bytes], unsigned: bytes) -> bytes:
    """What the signature is over: the signed fields, each name from the last occurrence upwards, then the field itself (§3.7)."""
    remaining: dict[bytes, list[HeaderField]] = {}
    for field in fields(header):
        remaining.setdefault(field.name.lower(), []).append(field)
    signed = [relaxed(remaining[name].pop()) for name in names if remaining.get(name)]
    (own,) = fields(unsigned)
    return b"".join(signed) + relaxed(own).removesuffix(b"\r\n")


def signed_field(unsigned: bytes, signature: bytes) -> bytes:
    """The whole field, with its line end."""
    text = b64encode(signature).decode()
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return unsigned + "\r\n  ".join(lines).encode() + b"\r\n"


def key_record(algorithm: Algorithm, public_key: bytes) -> str:
    """The TXT record that a domain publishes (RFC 6376 §3.6.1, RFC 8463 §4): `public_key` is SPKI for RSA, raw for Ed25519."""
    return f"v=DKIM1; k={algorithm.key_type}; p={b64encode(public_key).decode()}"
