"""Scripts of accounts (RFC 5804): kept as they came, at most one of an account's active. Whoever puts one has compiled it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_id
from mailstead.store.engine import Connection, Database
from mailstead.wire.sieve import is_script_name

_PUT = """
INSERT INTO sieve_scripts (account_id, name, text, revision)
SELECT account_id, $2, $3, $4 FROM accounts WHERE account_id = $1 AND (
    EXISTS (SELECT FROM sieve_scripts WHERE account_id = $1 AND name = $2)
    OR (SELECT count(*) FROM sieve_scripts WHERE account_id = $1) < $5)
ON CONFLICT (account_id, name) DO UPDATE SET text = excluded.text, revision = excluded.revision, changed_at = now()
RETURNING name, octet_length(text) AS octets, active, changed_at
"""

_ROOM = """
SELECT EXISTS (SELECT FROM sieve_scripts WHERE account_id = $1 AND name = $2)
    OR (SELECT count(*) FROM sieve_scripts WHERE account_id = $1) < $3 AS room
"""

_ACTIVE = """
SELECT s.account_id, s.revision, s.text, a.address,
       ARRAY(SELECT x.address FROM addresses x WHERE x.account_id = s.account_id AND x.address <> a.address ORDER BY 1) AS others
FROM sieve_scripts s JOIN accounts a USING (account_id) WHERE s.account_id = ANY($1::bigint[]) AND s.active
"""


@dataclass(frozen=True, slots=True)
class ScriptInfo:
    """A script, its text aside."""

    name: str
    octets: int
    active: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ActiveScript:
    """What runs on mail for an account. `addresses` are those that reach it, its own first; `revision` names the text."""

    account_id: int
    revision: UUID
    text: str = field(repr=False)
    addresses: tuple[str, ...]


class SieveScripts:
    """All but the look-ups raise Refused(UNAVAILABLE) and what they name. `max_scripts`: of one account."""

    def __init__(self, database: Database, *, max_scripts: int) -> None:
        self._database = database
        self._max_scripts = max_scripts

    async def put(self, account_id: int, name: str, text: str) -> ScriptInfo:
        """Make or replace a script; an active one is active with its new text.

        Raises Refused: INVALID_NAME, TOO_MANY (two made at the same moment may pass the limit by one), NO_SUCH_ACCOUNT.
        """
        _check_name(name)
        row = await self._database.fetchrow("put script", _PUT, account_id, name, text, new_id(), self._max_scripts)
        if row is None:
            await self._account(account_id)
            raise Refused(Failure.TOO_MANY, f"account {account_id} has {self._max_scripts} scripts")
        return ScriptInfo(*row)

    async def has_room(self, account_id: int, name: str) -> bool:
        """Whether a script of this name could be put now."""
        row = await self._database.fetchrow("room for script", _ROOM, account_id, name, self._max_scripts)
        return bool(row and row["room"])

    async def list(self, account_id: int) -> Sequence[ScriptInfo]:
        """By name."""
        rows = await self._database.fetch(
            "list scripts",
            "SELECT name, octet_length(text), active, changed_at FROM sieve_scripts WHERE account_id = $1 ORDER BY name",
            account_id,
        )
        return [ScriptInfo(*row) for row in rows]

    async def get(self, account_id: int, name: str) -> tuple[ScriptInfo, str]:
        """A script and its text. Raises Refused(NO_SUCH_SCRIPT)."""
        row = await self._database.fetchrow(
            "get script",
            "SELECT name, octet_length(text), active, changed_at, text FROM sieve_scripts WHERE account_id = $1 AND name = $2",
            account_id,
            name,
        )
        if row is None:
            raise _no_such_script(name)
        *info, text = row
        return ScriptInfo(*info), text

    async def activate(self, account_id: int, name: str | None) -> None:
        """Make this script the active one, or none for None. Raises Refused(NO_SUCH_SCRIPT).

        Of two that are activated at the same moment one may be refused as UNAVAILABLE.
        """

        async def work(connection: Connection) -> None:
            await connection.execute(
                "UPDATE sieve_scripts SET active = false WHERE account_id = $1 AND active AND name IS DISTINCT FROM $2",
                account_id,
                name,
            )
            if name is None:
                return
            tag = await connection.execute(
                "UPDATE sieve_scripts SET active = true WHERE account_id = $1 AND name = $2", account_id, name
            )
            if tag == "UPDATE 0":
                raise _no_such_script(name)

        await self._database.transact("activate script", work)

    async def delete(self, account_id: int, name: str) -> None:
        """Raises Refused: NO_SUCH_SCRIPT, or IN_USE for the active one (RFC 5804 §2.10)."""
        sql = "DELETE FROM sieve_scripts WHERE account_id = $1 AND name = $2 AND NOT active"
        if not await self._database.execute("delete script", sql, account_id, name):
            await self.get(account_id, name)
            raise Refused(Failure.IN_USE, f"script {name!r} is active")

    async def rename(self, account_id: int, old: str, new: str) -> None:
        """An active script stays active. Raises Refused: INVALID_NAME, NO_SUCH_SCRIPT, CONFLICT."""
        _check_name(new)
        if old == new:
            await self.get(account_id, old)
            return
        try:
            sql = "UPDATE sieve_scripts SET name = $3 WHERE account_id = $1 AND name = $2"
            renamed = await self._database.execute("rename script", sql, account_id, old, new)
        except Refused as refused:
            if isinstance(refused.__cause__, asyncpg.UniqueViolationError):
                raise Refused(Failure.CONFLICT, f"script {new!r} exists") from refused
            raise
        if not renamed:
            raise _no_such_script(old)

    async def active(self, account_ids: Sequence[int]) -> dict[int, ActiveScript]:
        """The active scripts of these accounts, by one statement; those that have none are left out."""
        rows = await self._database.fetch("active scripts", _ACTIVE, list(account_ids))
        return {
            row["account_id"]: ActiveScript(row["account_id"], row["revision"], row["text"], (row["address"], *row["others"]))
            for row in rows
        }

    async def mailbox_names(self, account_ids: Sequence[int]) -> dict[int, frozenset[str]]:
        """The mailboxes of these accounts, for scripts that ask for them; by one statement."""
        rows = await self._database.fetch(
            "mailbox names",
            "SELECT account_id, array_agg(name) AS names FROM mailboxes WHERE account_id = ANY($1::bigint[]) GROUP BY account_id",
            list(account_ids),
        )
        return {row["account_id"]: frozenset(row["names"]) for row in rows}

    async def _account(self, account_id: int) -> None:
        if await self._database.fetchrow("account", "SELECT FROM accounts WHERE account_id = $1", account_id) is None:
            raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")


def _check_name(name: str) -> None:
    if not is_script_name(name):
        raise Refused(Failure.INVALID_NAME, f"{name!r} is no name of a script")


def _no_such_script(name: str) -> Refused:
    return Refused(Failure.NO_SUCH_SCRIPT, f"no script {name!r}")
