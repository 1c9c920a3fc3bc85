"""One-time passwords by time (RFC 6238 over RFC 4226): six digits, thirty seconds, SHA-1, as programs have it."""

import hmac
from base64 import b32encode
from urllib.parse import quote, urlencode

STEP = 30  # seconds
DIGITS = 6
SECRET_OCTETS = 20  # RFC 4226 §4, R6
WINDOW = 1  # steps that a clock may be off, before and after


def code_at(secret: bytes, step: int) -> str:
    """RFC 4226 §5.3, of the so-many-th step since 1970."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: bytes, code: str, now: float) -> int | None:
    """The step near `now`, in Unix time, that this is the code of; None for a wrong one."""
    middle = int(now // STEP)
    found = None
    for step in range(middle - WINDOW, middle + WINDOW + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def uri_of(secret: bytes, account: str, issuer: str) -> str:
    """What a program reads from a picture: otpauth://totp/…"""
    label = quote(f"{issuer}:{account}", safe="@:")
    return f"otpauth://totp/{label}?" + urlencode({"secret": b32encode(secret).decode(), "issuer": issuer})
