"""Secrets of one-time passwords (RFC 6238): one of an account, asked for once its owner has shown that their program has it.

Who loses the program has recovery codes, each taken once instead. They are random, so a keyed hash is kept of each, as of app
passwords: HMAC-SHA-256 under the key of the installation.
"""

import hmac
import re
import secrets
from collections.abc import Sequence

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database

_PUT = """
INSERT INTO totp_secrets AS t (account_id, secret) SELECT account_id, $2 FROM accounts WHERE account_id = $1
ON CONFLICT (account_id) DO UPDATE SET secret = excluded.secret, last_step = 0, recovery_codes = '{}'
WHERE NOT t.confirmed RETURNING true
"""
_USE = """
UPDATE totp_secrets SET last_step = $2, confirmed = true WHERE account_id = $1 AND last_step < $2
"""


_RECOVER = """
UPDATE totp_secrets SET recovery_codes = array_remove(recovery_codes, $2)
WHERE account_id = $1 AND confirmed AND $2 = ANY(recovery_codes)
"""

RECOVERY_CODES = 10
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 16  # characters, 80 bits
_SHAPE = re.compile(rf"[{_ALPHABET}]{{{_LENGTH}}}")


def new_recovery_codes() -> list[str]:
    """As their owner writes them down: groups of four letters and digits."""
    bare = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(RECOVERY_CODES)]
    return ["-".join(text[at : at + 4] for at in range(0, _LENGTH, 4)) for text in bare]


def recovery_code_hash(key: bytes, account_id: int, code: str) -> bytes | None:
    """What is stored of it; None for what cannot be one. Case, spaces and hyphens do not matter."""
    bare = code.lower().replace("-", "").replace(" ", "")
    return hmac.digest(key, f"recovery:{account_id}:{bare}".encode(), "sha256") if _SHAPE.fullmatch(bare) else None


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

    async def recovery_codes_left(self, account_id: int) -> int:
        sql = "SELECT cardinality(recovery_codes) AS left FROM totp_secrets WHERE account_id = $1"
        row = await self._database.fetchrow("recovery codes", sql, account_id)
        return row["left"] if row else 0

    async def put_recovery_codes(self, account_id: int, hashes: Sequence[bytes]) -> None:
        """In place of those before. Raises Refused(NO_SUCH_KEY) where codes are not asked for."""
        sql = "UPDATE totp_secrets SET recovery_codes = $2 WHERE account_id = $1 AND confirmed"
        if not await self._database.execute("put recovery codes", sql, account_id, list(hashes)):
            raise Refused(Failure.NO_SUCH_KEY, f"account {account_id} has no TOTP")

    async def recover(self, account_id: int, hashed: bytes) -> bool:
        """Take the code of this hash, which is good no more; False where it is none, or was taken before."""
        return bool(await self._database.execute("recover", _RECOVER, account_id, hashed))

    async def delete(self, account_id: int) -> None:
        """Raises Refused(NO_SUCH_KEY) where there is none."""
        if not await self._database.execute("delete TOTP", "DELETE FROM totp_secrets WHERE account_id = $1", account_id):
            raise Refused(Failure.NO_SUCH_KEY, f"account {account_id} has no TOTP")
