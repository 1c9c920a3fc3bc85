"""Checking and hashing passwords: argon2id off the event loop, with a bound on how many at once and a short-lived cache.

The cache holds a keyed hash of (user, password) beside the password version that it proved, never the password itself; a change
of the password changes the version, so it revokes at once.
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

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailstead.model.failure import Failure, Refused
from mailstead.store.directory import Directory

MAX_PASSWORD = 1024  # octets
MAX_USER = 320  # octets, the longest address
MAX_WAITING = 256  # verifications; beyond it the answer is BUSY, so that an attack cannot fill the memory
CACHE_SECONDS = 60.0
CACHE_ENTRIES = 10_000

T = TypeVar("T")

# RFC 9106 §4, second recommended option, with one lane: a thread of the pool is a lane.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class AuthenticatedAccount:
    """Who proved to be who."""

    account_id: int
    tenant_id: int
    address: str


class Passwords:
    """`max_parallel` argon2 computations at most run at once in this process, each about 64 MiB and 30–60 ms of a core."""

    def __init__(self, directory: Directory, *, max_parallel: int = 2) -> None:
        self._directory = directory
        self._threads = ThreadPoolExecutor(max_parallel, thread_name_prefix="argon2")
        self._waiting = 0
        self._cache_key = os.urandom(32)
        self._proved: OrderedDict[bytes, tuple[int, float]] = OrderedDict()  # mark -> (password version, until)
        # Verified against when there is no such account, so that the time taken tells nothing.
        self._nobody = _HASHER.hash(os.urandom(16).hex())

    async def verify(self, user: str, password: str) -> AuthenticatedAccount:
        """Raises Refused: BAD_CREDENTIALS (also for an unknown user), ACCOUNT_DISABLED, BUSY, UNAVAILABLE."""
        if _octets(user) > MAX_USER or _octets(password) > MAX_PASSWORD or "\0" in user:
            raise Refused(Failure.BAD_CREDENTIALS, "user or password too long")
        account = await self._directory.account_for_login(user)
        mark = hmac.digest(self._cache_key, f"{user.lower()}\0{password}".encode(), "sha256")
        if account is None or not self._is_proved(mark, account.password_version):
            matches = await self._run(_matches, account.password_hash if account else self._nobody, password)
            if account is None or not matches:
                raise Refused(Failure.BAD_CREDENTIALS, f"wrong password or no such account: {user!r}")
            self._remember(mark, account.password_version)
        if not account.active:
            raise Refused(Failure.ACCOUNT_DISABLED, f"account {account.address} is disabled")
        return AuthenticatedAccount(account.account_id, account.tenant_id, account.address)

    async def hash(self, password: str) -> str:
        """The argon2id string to store. Raises Refused(TOO_LARGE, BUSY)."""
        if _octets(password) > MAX_PASSWORD:
            raise Refused(Failure.TOO_LARGE, f"a password has at most {MAX_PASSWORD} octets")
        return await self._run(_HASHER.hash, password)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _is_proved(self, mark: bytes, version: int) -> bool:
        found = self._proved.get(mark)
        return found is not None and found[0] == version and found[1] > time.monotonic()

    def _remember(self, mark: bytes, version: int) -> None:
        self._proved[mark] = (version, time.monotonic() + CACHE_SECONDS)
        self._proved.move_to_end(mark)
        while len(self._proved) > CACHE_ENTRIES:
            self._proved.popitem(last=False)

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
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


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
