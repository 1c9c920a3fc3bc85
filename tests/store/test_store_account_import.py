"""Accounts in batches are what accounts one by one are, and none of a batch hurts another; hashes that they bring along."""

import secrets
import subprocess

import bcrypt
import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.postgres import DatabaseUrls
from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.account_import import AccountImport, AccountToImport
from mailstead.store.address_holders import Holder
from mailstead.store.aliases import Aliases
from mailstead.store.engine import Database, open_database
from mailstead.store.password_hashes import _sha512_crypt, is_acceptable, matches
from mailstead.store.provisioning import Provisioning

SHA512 = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"


def row(address: str) -> AccountToImport:
    return AccountToImport(Address.parse(address), "hash", 1, 2)


async def test_a_batch_is_as_one_by_one(api_db: Database, provisioning: Provisioning, database_urls: DatabaseUrls) -> None:
    await provisioning.create_domain("a.test")
    alone = await provisioning.create_account(Address.parse("alone@a.test"), "hash", 1, 2)
    (account_id,) = await AccountImport(api_db).add([row("batch@a.test")])
    assert isinstance(account_id, int)
    async with open_database(database_urls.owner, pool_size=1) as owner:

        async def shape(account_id: int) -> list[object]:
            rows = await owner.fetch(
                "look",
                """SELECT m.name, m.special_use, m.uidvalidity - min(m.uidvalidity) OVER () AS rank, m.uidnext, s.name,
                          a.last_uidvalidity = max(m.uidvalidity) OVER () AS last, a.quota_bytes, a.quota_messages, a.active,
                          x.kind, x.tenant_id, x.domain_id
                   FROM mailboxes m JOIN accounts a USING (account_id) JOIN addresses x USING (account_id)
                   LEFT JOIN subscriptions s ON s.account_id = m.account_id AND s.name = m.name
                   WHERE m.account_id = $1 ORDER BY 1""",
                account_id,
            )
            return [tuple(row) for row in rows]

        assert await shape(account_id) == await shape(alone.account_id)


async def test_rows_do_not_hurt_each_other(api_db: Database, provisioning: Provisioning) -> None:
    await provisioning.create_domain("a.test")
    tenant_id = (await provisioning.domain("a.test")).tenant_id
    await provisioning.create_domain("alias.test", alias_of="a.test")
    await provisioning.create_account(Address.parse("taken@a.test"), "hash", 0)
    await Aliases(api_db).create("alias@a.test", ["b@b.test"])
    asked = ["one@a.test", "taken@a.test", "alias@a.test", "x@nowhere.test", "x@alias.test", "One@a.test", "two@A.test"]
    outcomes = await AccountImport(api_db).add([row(address) for address in asked], tenant_id)
    assert [isinstance(outcome, int) for outcome in outcomes] == [True, False, False, False, False, False, True]
    missing = Failure.NO_SUCH_DOMAIN
    assert outcomes[1:6] == [Holder.ACCOUNT, Holder.ALIAS, missing, missing, Holder.ACCOUNT]
    assert await AccountImport(api_db).add([row("b@a.test")], tenant_id + 1) == [missing]
    assert await AccountImport(api_db).add([]) == []


async def test_few_statements_whatever_the_size(database_urls: DatabaseUrls) -> None:
    statements: list[str] = []
    async with open_database(database_urls.api, pool_size=1, log_statement=statements.append) as db:
        await Provisioning(db).create_domain("a.test")
        await AccountImport(db).add([row("first@a.test")])
        statements.clear()
        await AccountImport(db).add([row(f"u{n}@a.test") for n in range(300)])
    assert len(statements) == 8  # with BEGIN and COMMIT


@pytest.mark.parametrize(
    "stored",
    [
        SHA512,
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        bcrypt.hashpw(b"Hello world!", bcrypt.gensalt(4)).decode(),
        PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("Hello world!"),
    ],
    ids=["sha512-crypt", "sha512-crypt with rounds", "bcrypt", "argon2id"],
)
def test_hashes_of_others(stored: str) -> None:
    assert is_acceptable(stored)
    assert matches(stored, "Hello world!")
    assert not matches(stored, "Hello world")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "hash",
        "$1$abc$def",
        "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8",
        SHA512 + "x",
        SHA512.replace("$6$", "$6$rounds=999999$"),
        "$2b$31$" + "a" * 53,
        "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$" + "a" * 43,
        "$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$" + "a" * 43,
        "$argon2id$v=19$m=64,t=100,p=1$c2FsdHNhbHQ$" + "a" * 43,
        "$argon2id$v=19$m=64,t=1,p=99$c2FsdHNhbHQ$" + "a" * 43,
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$" + "a" * 400,
    ],
)
def test_what_is_no_hash_or_too_dear(stored: str) -> None:
    assert not is_acceptable(stored)


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), min_size=1, max_size=100))
def test_sha512_crypt_is_that_of_others(password: str) -> None:
    salt = secrets.token_hex(8)
    command = ["openssl", "passwd", "-6", "-salt", salt, "-stdin"]
    found = subprocess.run(command, input=password.encode(), capture_output=True, check=True).stdout.decode().strip()
    assert found == f"$6${salt}${_sha512_crypt(password.encode(), salt.encode(), 5_000)}"
