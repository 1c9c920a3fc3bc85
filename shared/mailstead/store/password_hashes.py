"""Hashes of passwords as they are stored: our own argon2id, and those that accounts from elsewhere bring along.

A brought hash is compared as it is until its owner sets a new password. What it may cost to compare is bounded: whoever brings a
hash must not be able to make log-ins expensive.
"""

import hashlib
import hmac
import re

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_HASH = 256  # characters
MAX_MEMORY = 256 * 1024  # KiB of argon2
MAX_PASSES = 10  # of argon2
MAX_LANES = 8  # of argon2
MAX_BCRYPT_COST = 14
BCRYPT_OCTETS = 72  # of a password that bcrypt looks at
MAX_ROUNDS = 100_000  # of SHA-512-crypt
DEFAULT_ROUNDS = 5_000

# RFC 9106 §4, second recommended option, with one lane: a thread of the pool is a lane.
HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)

_ARGON2ID = re.compile(r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,172}")
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_SHA512 = re.compile(r"\$6\$(?:rounds=(\d{4,6})\$)?([./A-Za-z0-9]{1,16})\$([./A-Za-z0-9]{86})")
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def is_acceptable(stored: str) -> bool:
    """Whether it is a hash that can be compared, at a bounded cost: argon2id, bcrypt or SHA-512-crypt."""
    if len(stored) > MAX_HASH:
        return False
    if found := _BCRYPT.fullmatch(stored):
        return 4 <= int(found[1]) <= MAX_BCRYPT_COST
    if found := _SHA512.fullmatch(stored):
        return 1_000 <= int(found[1] or DEFAULT_ROUNDS) <= MAX_ROUNDS
    found = _ARGON2ID.fullmatch(stored)
    if found is None:
        return False
    memory, passes, lanes = (int(number) for number in found.groups())
    return 1 <= lanes <= MAX_LANES and 8 * lanes <= memory <= MAX_MEMORY and 1 <= passes <= MAX_PASSES


def matches(stored: str, password: str) -> bool:
    """Whether this is the password; False too for a hash of no kind that we know. Takes tens of milliseconds of a core."""
    if _BCRYPT.fullmatch(stored):
        return bcrypt.checkpw(password.encode()[:BCRYPT_OCTETS], stored.encode())
    if found := _SHA512.fullmatch(stored):
        computed = _sha512_crypt(password.encode(), found[2].encode(), int(found[1] or DEFAULT_ROUNDS))
        return hmac.compare_digest(computed, found[3])
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _sha512_crypt(password: bytes, salt: bytes, rounds: int) -> str:
    """Drepper, "Unix crypt using SHA-256 and SHA-512", step by step."""

    def sha512(octets: bytes | bytearray) -> bytes:
        return hashlib.sha512(octets).digest()

    def stretched(octets: bytes, length: int) -> bytes:
        return (octets * (length // len(octets) + 1))[:length]

    other = sha512(password + salt + password)
    mixed = bytearray(password + salt + stretched(other, len(password)))
    left = len(password)
    while left:
        mixed += other if left & 1 else password
        left >>= 1
    digest = sha512(mixed)
    p = stretched(sha512(password * len(password)), len(password))
    s = stretched(sha512(salt * (16 + digest[0])), len(salt))
    for number in range(rounds):
        odd = number & 1
        digest = sha512((p if odd else digest) + (s if number % 3 else b"") + (p if number % 7 else b"") + (digest if odd else p))
    return _encoded(digest)


def _encoded(digest: bytes) -> str:
    """64 octets in the order and the alphabet of crypt."""
    letters = []
    a, b, c = 0, 21, 42
    for _ in range(21):
        value = digest[a] << 16 | digest[b] << 8 | digest[c]
        letters += [_ALPHABET[value >> shift & 63] for shift in (0, 6, 12, 18)]
        a, b, c = b + 1, c + 1, a + 1
    value = digest[63]
    return "".join([*letters, _ALPHABET[value & 63], _ALPHABET[value >> 6]])
