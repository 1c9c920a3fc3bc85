"""Passwords that programs log in with: random, shown once, each for some protocols, revoked one by one.

Being random they need no slow hash: HMAC-SHA-256 under a key of the installation, so that the log-in's one statement finds them.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from sqlalchemy import delete, func, insert, select

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database
from mailstead.store.schema import accounts, app_passwords
from mailstead.store.statements import run

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 24  # characters, 120 bits
GROUP = 4
SCOPES = ("imap", "pop3", "smtp", "sieve")
MAX_OF_ACCOUNT = 50

_SHAPE = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}")
_COLUMNS = (
    app_passwords.c.app_password_id,
    app_passwords.c.name,
    app_passwords.c.scopes,
    app_passwords.c.created_at,
    app_passwords.c.expires_at,
    app_passwords.c.last_used_at,
)


@dataclass(frozen=True, slots=True)
class AppPasswordRow:
    """An app password without its secret, which is nowhere. Its last use is exact to the hour."""

    app_password_id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def new_app_password() -> str:
    """As its owner types it: groups of four letters and digits."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(text[at : at + GROUP] for at in range(0, LENGTH, GROUP))


def app_password_hash(key: bytes, password: str) -> bytes | None:
    """What is stored of it; None for what cannot be one. Case, spaces and hyphens do not matter."""
    bare = password.lower().replace("-", "").replace(" ", "")
    return hmac.digest(key, bare.encode(), "sha256") if _SHAPE.fullmatch(bare) else None


class AppPasswords:
    """Each method is one transaction. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, account_id: int, name: str, scopes: Sequence[str], secret_hash: bytes, expires_at: datetime | None
    ) -> AppPasswordRow:
        """Raises Refused: NO_SUCH_ACCOUNT, CONFLICT when the account has as many as it may."""

        async def work(connection: Connection) -> AppPasswordRow:
            await _require(connection, account_id)
            counted = select(func.count()).select_from(app_passwords).where(app_passwords.c.account_id == account_id)
            if (await run(connection, counted))[0][0] >= MAX_OF_ACCOUNT:
                raise Refused(Failure.CONFLICT, f"account {account_id} has {MAX_OF_ACCOUNT} app passwords")
            values = {
                "account_id": account_id,
                "name": name,
                "scopes": list(scopes),
                "secret_hash": secret_hash,
                "expires_at": expires_at,
            }
            return _row((await run(connection, insert(app_passwords).values(**values).returning(*_COLUMNS)))[0])

        return await self._database.transact("create app password", work)

    async def list(self, account_id: int) -> Sequence[AppPasswordRow]:
        """The oldest first. Raises Refused(NO_SUCH_ACCOUNT)."""
        statement = select(*_COLUMNS).where(app_passwords.c.account_id == account_id).order_by(app_passwords.c.app_password_id)
        async with self._database.connection("list app passwords") as connection:
            await _require(connection, account_id)
            return [_row(row) for row in await run(connection, statement)]

    async def revoke(self, account_id: int, app_password_id: int) -> tuple[str, bool]:
        """It is refused from now on; address of its account, and whether that is active.

        Raises Refused(NO_SUCH_ACCOUNT) where either is not there.
        """
        is_it = (app_passwords.c.account_id == account_id) & (app_passwords.c.app_password_id == app_password_id)

        async def work(connection: Connection) -> tuple[str, bool]:
            account = await _require(connection, account_id)
            if not await run(connection, delete(app_passwords).where(is_it).returning(app_passwords.c.app_password_id)):
                raise Refused(Failure.NO_SUCH_ACCOUNT, f"account {account_id} has no app password {app_password_id}")
            return account

        return await self._database.transact("revoke app password", work)

    async def key(self) -> bytes:
        """As `Logins.key`."""
        row = await self._database.fetchrow("login key", "SELECT secret FROM login_keys ORDER BY key_id DESC LIMIT 1")
        assert row is not None
        return bytes(row["secret"])


async def _require(connection: Connection, account_id: int) -> tuple[str, bool]:
    rows = await run(connection, select(accounts.c.address, accounts.c.active).where(accounts.c.account_id == account_id))
    if not rows:
        raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")
    return rows[0]["address"], rows[0]["active"]


def _row(row: asyncpg.Record) -> AppPasswordRow:
    app_password_id, name, scopes, created_at, expires_at, last_used_at = row
    return AppPasswordRow(app_password_id, name, tuple(scopes), created_at, expires_at, last_used_at)
