"""Secrets of one-time passwords (RFC 6238): one of an account, asked for once its owner has shown that their program has it."""

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database

_PUT = """
INSERT INTO totp_secrets AS t (account_id, secret) SELECT account_id, $2 FROM accounts WHERE account_id = $1
ON CONFLICT (account_id) DO UPDATE SET secret = excluded.secret, last_step = 0 WHERE NOT t.confirmed RETURNING true
"""
_USE = """
UPDATE totp_secrets SET last_step = $2, confirmed = true WHERE account_id = $1 AND last_step < $2
"""


class TotpSecrets:
    """Each method is one statement. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, account_id: int, secret: bytes) -> None:
        """A new secret, not asked for yet. Raises Refused(CONFLICT) where one is."""
        if await self._database.fetchrow("put TOTP", _PUT, account_id, secret) is None:
            raise Refused(Failure.CONFLICT, f"account {account_id} has TOTP")

    async def secret(self, account_id: int) -> tuple[bytes, bool] | None:
        """The secret, and whether it is asked for."""
        sql = "SELECT secret, confirmed FROM totp_secrets WHERE account_id = $1"
        row = await self._database.fetchrow("TOTP", sql, account_id)
        return (bytes(row["secret"]), row["confirmed"]) if row else None

    async def use(self, account_id: int, step: int) -> bool:
        """Take the code of this step, and ask for codes from now on; False where it or a later one was taken before."""
        return bool(await self._database.execute("use TOTP", _USE, account_id, step))

    async def delete(self, account_id: int) -> None:
        """Raises Refused(NO_SUCH_KEY) where there is none."""
        if not await self._database.execute("delete TOTP", "DELETE FROM totp_secrets WHERE account_id = $1", account_id):
            raise Refused(Failure.NO_SUCH_KEY, f"account {account_id} has no TOTP")
