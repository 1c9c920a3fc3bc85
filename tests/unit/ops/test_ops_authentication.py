"""Who logs in and who is locked out, over a real database, by two replicas of services under their own roles."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry

from kit.postgres import DatabaseUrls
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Authenticator, Peer, network_of
from mailstead.ops.settings import LoginSettings
from mailstead.store.app_passwords import AppPasswords, app_password_hash, new_app_password
from mailstead.store.directory_rows import AccountRow
from mailstead.store.engine import Database, open_database
from mailstead.store.logins import forget_failures
from mailstead.store.provisioning import Provisioning
from mailstead.wire.sasl import Challenge, UnknownMechanism, derive_keys

PASSWORD = "correct horse"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SETTINGS = LoginSettings(login_lock_pair=4, login_lock_address=8, login_lock_account=12, scram=True)
HOME, CAFE = Peer("192.0.2.1", None, "imap"), Peer("198.51.100.7", None, "imap")


@dataclass
class Replica:
    """A process of a service, and the statements that it ran."""

    authenticator: Authenticator
    registry: CollectorRegistry
    statements: list[str] = field(default_factory=list)

    async def log_in(self, user: str, password: str, peer: Peer = HOME) -> str:
        """`accepted`, or the name of the failure."""
        try:
            await self.authenticator.log_in(user, password, peer)
        except Refused as refused:
            return refused.failure.name
        return "accepted"

    async def guess(self, times: int, user: str = "alice@a.test", peer: Peer = HOME, salt: str = "") -> list[str]:
        return [await self.log_in(user, f"wrong {salt} {n}", peer) for n in range(times)]


@dataclass(frozen=True)
class House:
    owner: Database
    alice: AccountRow
    app_passwords: AppPasswords

    async def app_password(self, *scopes: str, expires_at: datetime | None = None) -> tuple[int, str]:
        secret = new_app_password()
        hashed = app_password_hash(await self.app_passwords.key(), secret)
        assert hashed is not None
        row = await self.app_passwords.create(self.alice.account_id, "phone", scopes, hashed, expires_at)
        return row.app_password_id, secret


@pytest.fixture
async def house(database_urls: DatabaseUrls) -> AsyncIterator[House]:
    async with open_database(database_urls.owner, pool_size=2) as owner, open_database(database_urls.api, pool_size=1) as api:
        provisioning = Provisioning(api)
        await provisioning.create_domain("a.test")
        await provisioning.update_domain("a.test", scram=True)
        keys = derive_keys(PASSWORD, b"0123456789abcdef")
        alice = await provisioning.create_account(Address.parse("alice@a.test"), CHEAP.hash(PASSWORD), 0, scram=keys)
        yield House(owner, alice, AppPasswords(api))


@pytest.fixture
async def replicas(database_urls: DatabaseUrls, house: House) -> AsyncIterator[list[Replica]]:
    """One of IMAP and one of SMTP."""
    urls = (database_urls.imap, database_urls.smtp_in)
    statements: list[list[str]] = [[], []]
    async with (
        open_database(urls[0], pool_size=2, log_statement=statements[0].append) as first,
        open_database(urls[1], pool_size=2, log_statement=statements[1].append) as second,
    ):
        made = []
        for database, ran in zip((first, second), statements, strict=True):
            registry = CollectorRegistry()
            made.append(Replica(Authenticator(database, SETTINGS, registry), registry, ran))
        yield made
        for replica in made:
            replica.authenticator.close()


async def test_a_good_password_costs_one_statement(replicas: list[Replica]) -> None:
    imap, _ = replicas
    assert await imap.log_in("Alice@A.test", PASSWORD) == "accepted"
    imap.statements.clear()
    assert await imap.log_in("alice@a.test", PASSWORD) == "accepted"
    assert len(imap.statements) == 1
    labels = {"mechanism": "command", "outcome": "accepted"}
    assert imap.registry.get_sample_value("mailstead_authentications_total", labels) == 2


async def test_guesses_lock_an_address_out_of_an_account_on_every_replica(replicas: list[Replica]) -> None:
    imap, smtp = replicas
    assert await imap.guess(2) == ["BAD_CREDENTIALS"] * 2
    assert await smtp.guess(2, salt="other") == ["BAD_CREDENTIALS"] * 2
    assert [await replica.log_in("alice@a.test", PASSWORD) for replica in replicas] == ["LOCKED_OUT"] * 2
    assert await smtp.log_in("alice@a.test", PASSWORD, CAFE) == "accepted"


async def test_a_lock_does_not_tell_whether_there_is_such_an_account(replicas: list[Replica]) -> None:
    imap, _ = replicas
    known, unknown = await imap.guess(6), await imap.guess(6, user="nobody@a.test", peer=CAFE)
    assert known == unknown == ["BAD_CREDENTIALS"] * 4 + ["LOCKED_OUT"] * 2


async def test_an_address_that_tries_many_accounts_is_locked_out_of_all(replicas: list[Replica]) -> None:
    imap, smtp = replicas
    for n in range(8):
        assert await imap.log_in(f"user{n}@a.test", "winter2026") == "BAD_CREDENTIALS"
    assert await smtp.log_in("alice@a.test", PASSWORD) == "LOCKED_OUT"
    assert await smtp.log_in("alice@a.test", PASSWORD, CAFE) == "accepted"


async def test_an_address_of_many_clients_is_not_locked_as_a_whole(database_urls: DatabaseUrls, house: House) -> None:
    settings = LoginSettings.model_validate({"login_lock_address": 8, "login_shared_networks": "192.0.2.0/24"})
    async with open_database(database_urls.imap, pool_size=1) as database:
        imap = Replica(Authenticator(database, settings, CollectorRegistry()), CollectorRegistry())
        for n in range(9):
            await imap.log_in(f"user{n}@a.test", "winter2026")
        assert await imap.log_in(house.alice.address, PASSWORD) == "accepted"
        imap.authenticator.close()


async def test_a_client_that_repeats_a_wrong_password_guesses_once(replicas: list[Replica], house: House) -> None:
    imap, _ = replicas
    assert [await imap.log_in("alice@a.test", "an old one") for _ in range(6)] == ["BAD_CREDENTIALS"] * 6
    assert await imap.log_in("alice@a.test", PASSWORD) == "accepted"
    assert await house.owner.fetch("look", "SELECT FROM login_failures WHERE subject LIKE 'pair:%'") == []


async def test_who_logged_in_just_now_and_app_passwords_are_not_locked_out_by_strangers(
    replicas: list[Replica], house: House
) -> None:
    imap, smtp = replicas
    _, app_password = await house.app_password("imap", "smtp")
    assert await imap.log_in("alice@a.test", PASSWORD) == "accepted"
    for n in range(4):
        await smtp.guess(3, peer=Peer(f"203.0.113.{n}", None, "smtp"), salt=str(n))
    assert await smtp.log_in("alice@a.test", PASSWORD) == "LOCKED_OUT", "from everywhere too many"
    assert await imap.log_in("alice@a.test", PASSWORD) == "accepted", "proved a moment ago"
    assert await smtp.log_in("alice@a.test", app_password, Peer("203.0.113.0", None, "smtp")) == "accepted"


async def test_how_long_a_password_is_remembered_is_a_setting(database_urls: DatabaseUrls, house: House) -> None:
    settings = LoginSettings(login_lock_pair=4, login_lock_address=8, login_lock_account=12, login_remembered_seconds=0)
    async with open_database(database_urls.imap, pool_size=1) as database:
        imap = Replica(Authenticator(database, settings, CollectorRegistry()), CollectorRegistry())
        assert await imap.log_in("alice@a.test", PASSWORD) == "accepted"
        for n in range(4):
            await imap.guess(3, peer=Peer(f"203.0.113.{n}", None, "imap"), salt=str(n))
        assert await imap.log_in("alice@a.test", PASSWORD) == "LOCKED_OUT", "nothing is remembered"
        imap.authenticator.close()


async def test_a_lock_ends_and_the_next_one_lasts_longer(replicas: list[Replica], house: House) -> None:
    imap, _ = replicas
    await imap.guess(4)
    for seconds, outcome in ((29, "LOCKED_OUT"), (31, "BAD_CREDENTIALS"), (31, "LOCKED_OUT"), (61, "accepted")):
        await house.owner.execute("wait", f"UPDATE login_failures SET last_at = now() - interval '{seconds} seconds'")
        assert await imap.log_in("alice@a.test", PASSWORD if outcome != "BAD_CREDENTIALS" else f"guess {seconds}") == outcome
    await house.owner.execute("wait", "UPDATE login_failures SET last_at = now() - interval '25 hours'")
    assert await imap.guess(1, salt="much later") == ["BAD_CREDENTIALS"]
    rows = await house.owner.fetch("look", "SELECT failures FROM login_failures")
    assert {row["failures"] for row in rows} == {1}, "old ones are forgotten"


async def test_failures_are_forgotten_by_a_job(replicas: list[Replica], house: House, database_urls: DatabaseUrls) -> None:
    await replicas[0].guess(1)
    async with open_database(database_urls.jobs, pool_size=1) as jobs:
        assert await forget_failures(jobs, timedelta(hours=24)) == 0
        await house.owner.execute("wait", "UPDATE login_failures SET last_at = now() - interval '25 hours'")
        assert await forget_failures(jobs, timedelta(hours=24)) == 3


async def test_app_passwords(replicas: list[Replica], house: House) -> None:
    imap, smtp = replicas
    app_password_id, secret = await house.app_password("imap")
    assert await imap.log_in("alice@a.test", secret.replace("-", " ").upper()) == "accepted"
    imap.statements.clear()
    assert await imap.log_in("alice@a.test", secret) == "accepted"
    assert len(imap.statements) == 1, "its use was written an hour ago at most"
    (row,) = await house.app_passwords.list(house.alice.account_id)
    assert row.last_used_at is not None
    assert await smtp.log_in("alice@a.test", secret, Peer("192.0.2.1", None, "smtp")) == "BAD_CREDENTIALS", "not for SMTP"
    assert await imap.log_in("nobody@a.test", secret) == "BAD_CREDENTIALS"
    await house.app_passwords.revoke(house.alice.account_id, app_password_id)
    assert await imap.log_in("alice@a.test", secret) == "BAD_CREDENTIALS"
    _, expired = await house.app_password("imap", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await imap.log_in("alice@a.test", expired) == "BAD_CREDENTIALS"


async def test_a_new_password_ends_the_old_one_at_once(replicas: list[Replica], house: House) -> None:
    imap, _ = replicas
    assert await imap.log_in("alice@a.test", PASSWORD) == "accepted"
    provisioning = Provisioning(house.owner)
    await provisioning.update_account(house.alice.account_id, password_hash=CHEAP.hash("battery staple"))
    assert await imap.log_in("alice@a.test", PASSWORD) == "BAD_CREDENTIALS"
    assert await imap.log_in("alice@a.test", "battery staple") == "accepted"
    await provisioning.update_account(house.alice.account_id, active=False)
    assert await imap.log_in("alice@a.test", "battery staple") == "ACCOUNT_DISABLED"


async def scram_salt(replica: Replica, user: str) -> bytes:
    attempt = await replica.authenticator.begin("SCRAM-SHA-256", f"n,,n={user},r=abc".encode(), HOME)
    assert isinstance(attempt.outcome, Challenge)
    return attempt.outcome.data.partition(b",s=")[2]


async def test_scram_tells_nothing_of_unknown_users(replicas: list[Replica]) -> None:
    first, second = [[await scram_salt(replica, "nobody@a.test") for _ in range(2)] for replica in replicas]
    assert len({*first, *second}) == 1, "the same on every replica, each time"
    real = await scram_salt(replicas[0], "alice@a.test")
    assert real != first[0]
    assert len(real) == len(first[0])


async def test_keys_are_kept_only_where_the_domain_asks(house: House, replicas: list[Replica]) -> None:
    provisioning = Provisioning(house.owner)
    real = await scram_salt(replicas[0], "alice@a.test")
    await provisioning.update_domain("a.test", scram=False)
    assert await scram_salt(replicas[0], "alice@a.test") != real
    keys = derive_keys("another", b"0123456789abcdef")
    await provisioning.update_account(house.alice.account_id, password_hash=CHEAP.hash("another"), scram=keys)
    assert await house.owner.fetch("look", "SELECT FROM scram_keys") == []


async def test_what_is_offered(replicas: list[Replica]) -> None:
    authenticator = replicas[0].authenticator
    assert authenticator.mechanisms(None) == ("SCRAM-SHA-256", "PLAIN", "LOGIN")
    assert authenticator.mechanisms(b"x") == ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")
    for mechanism in ("SCRAM-SHA-256-PLUS", "XOAUTH2", "CRAM-MD5"):
        with pytest.raises(UnknownMechanism):
            await authenticator.begin(mechanism, None, HOME)


async def test_wrong_proofs_lock_as_wrong_passwords_do(replicas: list[Replica]) -> None:
    imap, _ = replicas
    for _ in range(4):
        attempt = await imap.authenticator.begin("SCRAM-SHA-256", b"n,,n=alice@a.test,r=abc", HOME)
        assert isinstance(attempt.outcome, Challenge)
        nonce = attempt.outcome.data.partition(b",")[0]
        with pytest.raises(Refused) as refused:
            await attempt.step(b"c=biws," + nonce + b",p=" + b"A" * 43 + b"=")
        assert refused.value.failure is Failure.BAD_CREDENTIALS
    with pytest.raises(Refused) as refused:
        await imap.authenticator.begin("SCRAM-SHA-256", b"n,,n=alice@a.test,r=abc", HOME)
    assert refused.value.failure is Failure.LOCKED_OUT
    labels = {"mechanism": "scram-sha-256", "outcome": "locked_out"}
    assert imap.registry.get_sample_value("mailstead_authentications_total", labels) == 1


async def test_many_guesses_at_once_are_all_counted(replicas: list[Replica], house: House) -> None:
    await asyncio.gather(*(replica.guess(5, salt=f"{n} {at}") for n, replica in enumerate(replicas) for at in range(3)))
    (row,) = await house.owner.fetch("look", "SELECT failures FROM login_failures WHERE subject LIKE 'account:%'")
    assert row["failures"] >= 4


@pytest.mark.parametrize(("host", "network"), [("192.0.2.1", "192.0.2.1"), ("2001:db8::1:2:3:4", "2001:db8::/64")])
def test_the_network_of_a_client(host: str, network: str) -> None:
    assert network_of(host) == network
