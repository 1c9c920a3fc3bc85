"""People who are signed in: a random token, of which the hash is stored, good while its account, password and epoch are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database
from mailstead.store.passwords import AuthenticatedAccount

Role = Literal["owner", "tenant_admin", "operator"]

PURGED_AT_ONCE = 5_000

_FIND = """
SELECT a.account_id, a.tenant_id, a.address, a.role, s.expires_at
FROM sign_ins s JOIN accounts a USING (account_id, password_version, session_epoch) JOIN domains d USING (domain_id)
WHERE s.token_hash = $1 AND s.expires_at > now() AND a.active AND d.active AND NOT d.held
"""
_PURGE = """
DELETE FROM sign_ins WHERE token_hash IN (SELECT token_hash FROM sign_ins WHERE expires_at <= now() LIMIT $1)
"""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who it is, and what they are here."""

    account_id: int
    tenant_id: int
    address: str
    role: Role
    expires_at: datetime


class SignIns:
    """Each method is one statement. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, account: AuthenticatedAccount, token_hash: bytes, life: timedelta) -> None:
        """Somebody has proved by their password to be this account's owner."""
        sql = """INSERT INTO sign_ins (token_hash, account_id, password_version, session_epoch, expires_at)
                 VALUES ($1, $2, $3, $4, now() + $5)"""
        version = account.password_version
        await self._database.execute("sign in", sql, token_hash, account.account_id, version, account.session_epoch, life)

    async def find(self, token_hash: bytes) -> SignedIn | None:
        """None once it has expired, or what it stands on is good no more."""
        row = await self._database.fetchrow("signed in", _FIND, token_hash)
        return SignedIn(*row) if row else None

    async def end(self, token_hash: bytes) -> None:
        await self._database.execute("sign out", "DELETE FROM sign_ins WHERE token_hash = $1", token_hash)

    async def role(self, account_id: int) -> Role | None:
        """None where there is no such account."""
        row = await self._database.fetchrow("role", "SELECT role FROM accounts WHERE account_id = $1", account_id)
        return row["role"] if row else None

    async def give_role(self, account_id: int, role: Role) -> None:
        """Raises Refused(NO_SUCH_ACCOUNT)."""
        sql = "UPDATE accounts SET role = $2 WHERE account_id = $1"
        if not await self._database.execute("give role", sql, account_id, role):
            raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")


async def purge_sign_ins(database: Database) -> int:
    """Remove those that have expired, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("purge sign-ins", _PURGE, PURGED_AT_ONCE)
        total += removed
        if removed < PURGED_AT_ONCE:
            return total
