"""What a log-in asks of the store, by one statement, and what it leaves there: failures, which every replica counts (promise S6).

Failures count for three subjects: an account as one address of clients tries it, that address whatever it tries, and the account
whoever tries it. Names of accounts that do not exist count in the same way, so that a lock tells nothing. From a threshold on,
each failure locks for twice as long as the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import asyncpg

from mailstead.store.engine import Database
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.sasl import ScramKeys

LAST_USE_EVERY = timedelta(hours=1)  # how often the last use of an app password is written at most
FORGOTTEN_AT_ONCE = 5_000  # failures in one transaction

_FIND = """
SELECT f.locked, f.pending, a.account_id, a.tenant_id, a.address, a.password_hash, a.password_version, a.session_epoch,
       a.active AND d.active AND NOT d.held AS active,
       p.app_password_id, p.scopes, coalesce(p.last_used_at < now() - $8::interval, true) AS use_is_news,
       k.salt, k.iterations, k.stored_key, k.server_key
FROM (SELECT coalesce(array_agg(s.kind) FILTER (
                 WHERE f.failures >= s.threshold AND f.last_at
                     + least($6::float8, $5::float8 * 2 ^ least(f.failures - s.threshold, 30)) * interval '1 second' > now()
             ), '{}') AS locked,
             coalesce(bool_or(s.kind = 'pair'), false) AS pending
      FROM unnest($2::text[], $3::text[], $4::int[]) AS s(kind, subject, threshold)
      JOIN login_failures f USING (subject)) AS f
LEFT JOIN accounts a ON a.address = $1
LEFT JOIN domains d ON d.domain_id = a.domain_id
LEFT JOIN app_passwords p ON p.account_id = a.account_id AND p.secret_hash = $7
      AND (p.expires_at IS NULL OR p.expires_at > now())
LEFT JOIN scram_keys k ON k.account_id = a.account_id
"""

_FAILED = """
INSERT INTO login_failures AS f (subject, failures, last_at)
SELECT subject, 1, now() FROM unnest($1::text[]) AS s(subject) ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET last_at = now(),
    failures = CASE WHEN f.last_at < now() - $2::interval THEN 1 ELSE least(f.failures, 1000000) + 1 END
"""

_FORGET = """
DELETE FROM login_failures WHERE subject IN (
    SELECT subject FROM login_failures WHERE last_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED)
"""

_USED = """
UPDATE app_passwords SET last_used_at = now() WHERE account_id = $1 AND app_password_id = $2
AND (last_used_at IS NULL OR last_used_at < now() - $3::interval)
"""

_NOTED = """
INSERT INTO last_logins AS l (account_id, protocol, at, peer)
SELECT account_id, protocol, now() - ago * interval '1 second', peer
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[]) AS n(account_id, protocol, peer, ago)
JOIN accounts USING (account_id) ORDER BY account_id, protocol
ON CONFLICT (account_id, protocol) DO UPDATE SET at = excluded.at, peer = excluded.peer WHERE l.at < excluded.at
"""

_STANDING = """
SELECT a.account_id, a.active AND d.active AND NOT d.held AS active, a.password_version, a.session_epoch,
       ARRAY(SELECT p.app_password_id FROM app_passwords p
             WHERE p.account_id = a.account_id AND (p.expires_at IS NULL OR p.expires_at > now())) AS good
FROM accounts a JOIN domains d USING (domain_id) WHERE a.account_id = ANY($1::bigint[])
"""


@dataclass(frozen=True, slots=True)
class LockRules:
    """From how many failures on a subject is locked, for how long at first and at most, and when failures are forgotten."""

    pair: int = 10
    address: int = 50
    account: int = 200
    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    forgotten: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who tries what: a name, and the address of clients that it comes from, None where that stands for many."""

    user: str
    network: str
    network_is_shared: bool

    def keys(self) -> dict[str, str]:
        """By kind. Names are hashed: they may be anything, of any length."""
        name = sha256(self.user.lower().encode("utf-8", "surrogatepass")).hexdigest()[:32]
        keys = {"pair": f"pair:{name}:{self.network}", "account": f"account:{name}"}
        return keys if self.network_is_shared else keys | {"address": f"address:{self.network}"}


@dataclass(frozen=True, slots=True)
class LoginAccount:
    """What verifying a password takes."""

    account_id: int
    tenant_id: int
    address: str
    password_hash: str
    password_version: int
    session_epoch: int
    active: bool


@dataclass(frozen=True, slots=True)
class UsedAppPassword:
    """The app password that was given; `use_is_news` where its last use was not written for a while."""

    app_password_id: int
    scopes: frozenset[str]
    use_is_news: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a log-in before its password is looked at. `locked`: kinds of subjects; `pending`: failures to forget."""

    locked: frozenset[str]
    pending: bool
    account: LoginAccount | None
    app_password: UsedAppPassword | None
    scram_keys: ScramKeys | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What of an account is good now: its password, by version, its app passwords, and sessions of this epoch."""

    active: bool
    password_version: int
    session_epoch: int
    app_passwords: frozenset[int]

    def admits(self, account: AuthenticatedAccount) -> bool:
        """Whether what let a session in would let it in again; a token is not looked at twice."""
        if account.session_epoch != self.session_epoch:
            return False
        if account.app_password_id is not None:
            return self.active and account.app_password_id in self.app_passwords
        return self.active and account.password_version in (None, self.password_version)


class Logins:
    """Each method is one statement. Raises Refused(UNAVAILABLE) only."""

    def __init__(self, database: Database, rules: LockRules) -> None:
        self._database = database
        self._rules = rules

    async def find(self, subjects: Subjects, app_password_hash: bytes | None = None) -> Found:
        """The account that logs in by this name, which is its address in any case of letters, and whether it is locked."""
        keys, rules = subjects.keys(), self._rules
        thresholds = {"pair": rules.pair, "address": rules.address, "account": rules.account}
        row = await self._database.fetchrow(
            "login",
            _FIND,
            subjects.user.lower(),
            list(keys),
            list(keys.values()),
            [thresholds[kind] for kind in keys],
            rules.first.total_seconds(),
            rules.longest.total_seconds(),
            app_password_hash,
            LAST_USE_EVERY,
        )
        assert row is not None  # an aggregate has a row
        return Found(frozenset(row["locked"]), row["pending"], _account(row), _app_password(row), _keys(row))

    async def failed(self, subjects: Subjects) -> None:
        """Count a guess."""
        await self._database.execute("login failed", _FAILED, sorted(subjects.keys().values()), self._rules.forgotten)

    async def succeeded(self, subjects: Subjects) -> None:
        """Forget what this account failed to do from this address; its other failures may be somebody else's."""
        await self._database.execute("login succeeded", "DELETE FROM login_failures WHERE subject = $1", subjects.keys()["pair"])

    async def used(self, account_id: int, app_password_id: int) -> None:
        """Write that an app password was used."""
        await self._database.execute("app password used", _USED, account_id, app_password_id, LAST_USE_EVERY)

    async def noted(self, entries: Sequence[tuple[int, str, str, float]]) -> None:
        """Write down last log-ins: (account, protocol, address that it came from, seconds ago) of each."""
        await self._database.execute(
            "note log-ins",
            _NOTED,
            [account_id for account_id, _, _, _ in entries],
            [protocol for _, protocol, _, _ in entries],
            [peer for _, _, peer, _ in entries],
            [ago for _, _, _, ago in entries],
        )

    async def standing(self, accounts: Sequence[int]) -> dict[int, Standing]:
        """By account; those that are gone are left out."""
        rows = await self._database.fetch("look after sessions", _STANDING, accounts)
        return {
            row["account_id"]: Standing(row["active"], row["password_version"], row["session_epoch"], frozenset(row["good"]))
            for row in rows
        }

    async def key(self) -> bytes:
        """The installation's secret for hashes of app passwords, and for salts of accounts that do not exist."""
        row = await self._database.fetchrow("login key", "SELECT secret FROM login_keys ORDER BY key_id DESC LIMIT 1")
        assert row is not None  # the migration made it
        return bytes(row["secret"])


async def forget_failures(database: Database, age: timedelta) -> int:
    """Remove failures that are older, in short transactions; how many."""
    total = 0
    while True:
        removed = await database.execute("forget failed logins", _FORGET, age, FORGOTTEN_AT_ONCE)
        total += removed
        if removed < FORGOTTEN_AT_ONCE:
            return total


def _account(row: asyncpg.Record) -> LoginAccount | None:
    if row["account_id"] is None:
        return None
    names = ("account_id", "tenant_id", "address", "password_hash", "password_version", "session_epoch", "active")
    return LoginAccount(*(row[name] for name in names))


def _app_password(row: asyncpg.Record) -> UsedAppPassword | None:
    if row["app_password_id"] is None:
        return None
    return UsedAppPassword(row["app_password_id"], frozenset(row["scopes"]), row["use_is_news"])


def _keys(row: asyncpg.Record) -> ScramKeys | None:
    if row["salt"] is None:
        return None
    return ScramKeys(row["salt"], row["iterations"], row["stored_key"], row["server_key"])
