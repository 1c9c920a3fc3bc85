"""Checking and hashing passwords: argon2id off the event loop, with a bound on how many at once, and a memory.

What is remembered is a keyed hash of (user, password) beside the password version that it was compared with, never the password
itself; a change of the password changes the version, so it revokes at once. A client that repeats a wrong password costs no
second computation, and does not count as guessing.
"""

import asyncio
import hmac
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from mailstead.model.failure import Failure, Refused
from mailstead.store.password_hashes import HASHER
from mailstead.store.password_hashes import matches as hash_matches
from mailstead.wire.sasl import ScramKeys, derive_keys
from mailstead.wire.sasl.scram import SALT_OCTETS

MAX_PASSWORD = 1024  # octets
MAX_USER = 320  # octets, the longest address
MAX_WAITING = 256  # verifications; beyond it the answer is BUSY, so that an attack cannot fill the memory
PROVED_SECONDS = 900.0
REFUTED_SECONDS = 3600.0
REMEMBERED = 10_000  # of each

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AuthenticatedAccount:
    """Who proved to be who, and by what: the version of the password, or an app password; by neither it was a token."""

    account_id: int
    tenant_id: int
    address: str
    password_version: int | None = None
    app_password_id: int | None = None
    session_epoch: int = 0


class _Memory:
    """Marks and the password version that each is about, for so many seconds, the newest of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._marks: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def holds(self, mark: bytes, version: int) -> bool:
        found = self._marks.get(mark)
        return found is not None and found[0] == version and found[1] > time.monotonic()

    def keep(self, mark: bytes, version: int) -> None:
        self._marks[mark] = (version, time.monotonic() + self._seconds)
        self._marks.move_to_end(mark)
        while len(self._marks) > REMEMBERED:
            self._marks.popitem(last=False)


class Passwords:
    """`max_parallel` argon2 computations at most run at once in this process, each about 64 MiB and 30–60 ms of a core.

    What was found right is remembered for `proved_seconds`.
    """

    def __init__(self, *, max_parallel: int = 2, proved_seconds: float = PROVED_SECONDS) -> None:
        self._threads = ThreadPoolExecutor(max_parallel, thread_name_prefix="argon2")
        self._waiting = 0
        self._key = os.urandom(32)
        self._proved = _Memory(proved_seconds)
        self._refuted = _Memory(REFUTED_SECONDS)
        # Verified against when there is no such account, so that the time taken tells nothing.
        self._nobody = HASHER.hash(os.urandom(16).hex())

    def mark(self, user: str, password: str) -> bytes:
        """By which (user, password) is remembered. Raises Refused(BAD_CREDENTIALS) for what can be neither."""
        if _octets(user) > MAX_USER or _octets(password) > MAX_PASSWORD or "\0" in user:
            raise Refused(Failure.BAD_CREDENTIALS, "user or password too long")
        return hmac.digest(self._key, f"{user.lower()}\0{password}".encode(), "sha256")

    def is_proved(self, mark: bytes, version: int) -> bool:
        """Whether it was found right for this version of the password not long ago."""
        return self._proved.holds(mark, version)

    def is_refuted(self, mark: bytes, version: int) -> bool:
        """Whether it was found wrong for this version of the password, 0 where there was no such account."""
        return self._refuted.holds(mark, version)

    async def matches(self, mark: bytes, password: str, password_hash: str | None, version: int) -> bool:
        """Compare with the hash, None where there is no such account. Raises Refused(BUSY)."""
        matches = await self._run(hash_matches, password_hash or self._nobody, password) and password_hash is not None
        (self._proved if matches else self._refuted).keep(mark, version)
        return matches

    async def hash(self, password: str) -> str:
        """The argon2id string to store. Raises Refused(TOO_LARGE, BUSY)."""
        if _octets(password) > MAX_PASSWORD:
            raise Refused(Failure.TOO_LARGE, f"a password has at most {MAX_PASSWORD} octets")
        return await self._run(HASHER.hash, password)

    async def scram_keys(self, password: str) -> ScramKeys:
        """Under a new salt. Raises Refused(BUSY)."""
        return await self._run(derive_keys, password, os.urandom(SALT_OCTETS))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        if self._waiting >= MAX_WAITING:
            raise Refused(Failure.BUSY, "too many passwords are being verified")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1


def _octets(text: str) -> int:
    """As UTF-8; more than anything may have when it cannot be that."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return sys.maxsize
