"""API keys: random, shown once, stored only as their SHA-256.

A key holds 256 random bits, so a plain hash cannot be searched backwards and needs neither salt nor stretching.
"""

import hashlib
import secrets

PREFIX = "ms_"  # lets scanners of leaked secrets recognise one
TOKEN_PREFIX = "mt_"  # noqa: S105 - no secret: how the token of who signed in begins
MAX_KEY = 200  # characters that are looked at


def new_key() -> str:
    """A new key, as its owner is shown it."""
    return PREFIX + secrets.token_urlsafe(32)


def new_token() -> str:
    """A new token of who signs in."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def fingerprint(key: str) -> bytes:
    """What is stored of a key, and what a presented one is looked up by: 32 octets."""
    return hashlib.sha256(key.encode()).digest()
