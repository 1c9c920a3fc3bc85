"""What an address stands for, who may write as it, and how that is changed: aliases, groups, catch-alls, domain aliases."""

import asyncio
from datetime import timedelta

import pytest

from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.aliases import Aliases
from mailstead.store.deletion import Deletion
from mailstead.store.directory import Alias, Directory, Found, Posting, Recipient
from mailstead.store.engine import Database
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.provisioning import Provisioning
from mailstead.store.srs_keys import SrsKeys
from mailstead.store.tenants import Tenants
from store.builders import Account, Town

DOMAIN = "default.example.org"


@pytest.fixture
def directory(smtp_db: Database) -> Directory:
    return Directory(smtp_db)


@pytest.fixture
def aliases(api_db: Database) -> Aliases:
    return Aliases(api_db)


async def look_up(directory: Directory, *addresses: str) -> list[Found | None]:
    return await directory.look_up([Address.parse(address) for address in addresses])


async def behind(directory: Directory, address: str) -> Recipient | Alias | None:
    (found,) = await look_up(directory, address)
    return found.behind if found else None


async def test_any_number_of_addresses_is_one_statement(
    directory: Directory, aliases: Aliases, alice: Account, statements: list[str]
) -> None:
    await aliases.create(f"sales@{DOMAIN}", [alice.address, "out@else.test"])
    statements.clear()
    found = await look_up(
        directory, alice.address, f"Alice+Tag@{DOMAIN.upper()}", f"sales@{DOMAIN}", f"nobody@{DOMAIN}", "a@else.test"
    )
    assert len(statements) == 1
    account, tagged, sales, nobody, elsewhere = found
    assert account and isinstance(account.behind, Recipient) and account.behind.account_id == alice.account_id
    assert tagged and tagged.behind == account.behind
    assert sales and sales.behind == Alias(f"sales@{DOMAIN}", alice.tenant_id, True, (alice.address, "out@else.test"))
    assert nobody and nobody.behind is None and nobody.domain.name == DOMAIN
    assert elsewhere is None


async def test_the_catch_all_is_the_last_resort(directory: Directory, aliases: Aliases, alice: Account) -> None:
    await aliases.create(f"@{DOMAIN}", ["elsewhere@else.test"])
    caught = await behind(directory, f"nobody+x@{DOMAIN}")
    assert isinstance(caught, Alias) and caught.address == f"@{DOMAIN}"
    assert isinstance(await behind(directory, f"alice+x@{DOMAIN}"), Recipient)


async def test_a_tag_names_a_mailbox_where_the_account_wants_it(
    directory: Directory, provisioning: Provisioning, mailboxes: Mailboxes, alice: Account
) -> None:
    async def folder(tag: str) -> str | None:
        found = await behind(directory, f"alice+{tag}@{DOMAIN}")
        assert isinstance(found, Recipient)
        return found.folder

    await mailboxes.create(alice.account_id, "Lists/Python")
    assert await folder("archive") is None
    await provisioning.update_account(alice.account_id, files_tags=True)
    assert [await folder(tag) for tag in ("archive", "lists/python", "none", "%", "")] == [
        "Archive",
        "Lists/Python",
        None,
        None,
        None,
    ]


async def test_who_suspends_a_tenant_suspends_all_its_domains(
    directory: Directory, aliases: Aliases, alice: Account, api_db: Database, provisioning: Provisioning, town: Town
) -> None:
    """Those too that are made meanwhile; of each, what it was is not forgotten."""
    tenants, bob = Tenants(api_db), await town.account("bob", tenant="other")
    await provisioning.create_domain("also.test", alias_of=DOMAIN)
    await provisioning.create_domain("asleep.test", active=False)
    making = (provisioning.create_domain(f"d{n}.test", alice.tenant_id) for n in range(8))
    await asyncio.gather(tenants.update(alice.tenant_id, active=False), *making)
    for address in (alice.address, "alice@also.test"):
        (found,) = await look_up(directory, address)
        assert found and isinstance(found.behind, Recipient)
        assert (found.domain.active, found.behind.active) == (False, False)
    (others,) = await look_up(directory, bob.address)
    assert others and others.domain.active
    await tenants.update(alice.tenant_id, name="late payers")
    assert not (await tenants.get(alice.tenant_id)).active
    await tenants.update(alice.tenant_id, active=True)
    again = await behind(directory, alice.address)
    assert isinstance(again, Recipient) and again.active
    assert [row.name for row in await provisioning.domains(100, active=False)] == ["asleep.test"]


async def test_a_domain_alias_has_the_addresses_of_another(
    directory: Directory, provisioning: Provisioning, aliases: Aliases, alice: Account, deletion: Deletion
) -> None:
    await aliases.create(f"sales@{DOMAIN}", [alice.address])
    row = await provisioning.create_domain("also.test", alias_of=DOMAIN)
    assert row.alias_of == DOMAIN
    assert await behind(directory, "alice+x@also.test") == await behind(directory, alice.address)
    assert isinstance(await behind(directory, "sales@also.test"), Alias)
    assert await directory.may_send_as(alice.account_id, Address("alice", "also.test"))
    for refused in (
        provisioning.create_account(Address("x", "also.test"), "", 0),
        aliases.create("x@also.test", [alice.address]),
        deletion.erase_domain(DOMAIN),
    ):
        with pytest.raises(Refused) as error:
            await refused
        assert error.value.failure is Failure.CONFLICT
    for original in ("also.test", "nowhere.test"):
        with pytest.raises(Refused) as error:
            await provisioning.create_domain("third.test", alias_of=original)
        assert error.value.failure is Failure.NO_SUCH_DOMAIN
    await provisioning.update_domain("also.test", active=False)
    found = await behind(directory, "alice@also.test")
    assert isinstance(found, Recipient) and not found.active
    await deletion.erase_domain("also.test")
    assert await behind(directory, "alice@also.test") is None


async def test_who_may_write_as_what(directory: Directory, provisioning: Provisioning, aliases: Aliases, alice: Account) -> None:
    await aliases.create(f"sales@{DOMAIN}", ["x@else.test", alice.address])
    await aliases.create(f"team@{DOMAIN}", [alice.address], is_group=True)
    await aliases.create(f"@{DOMAIN}", [alice.address])
    await provisioning.create_domain("granted.test")
    await provisioning.update_account(alice.account_id, send_as=["boss@else.test", "@granted.test"])
    bob = await provisioning.create_account(Address("bob", DOMAIN), "", 0)

    async def may(address: str, account_id: int = alice.account_id) -> bool:
        return await directory.may_send_as(account_id, Address.parse(address))

    assert all(
        [await may(a) for a in ("boss@else.test", alice.address, f"Alice+x@{DOMAIN}", f"sales@{DOMAIN}", "any+tag@granted.test")]
    )
    assert not any(
        [await may(a) for a in (f"bob@{DOMAIN}", f"team@{DOMAIN}", f"nobody@{DOMAIN}", "boss@other.test", "a@else.test")]
    )
    assert not await may(f"sales@{DOMAIN}", bob.account_id)


async def test_an_alias_from_beginning_to_end(aliases: Aliases, alice: Account, directory: Directory) -> None:
    made = await aliases.create(f"team@{DOMAIN}", [alice.address], is_group=True, members_only=True)
    assert await aliases.get(f"Team@{DOMAIN}") == made
    found = await behind(directory, f"team@{DOMAIN}")
    assert isinstance(found, Alias) and found.is_group and found.posting is Posting.MEMBERS
    await aliases.create(f"a@{DOMAIN}", ["x@else.test"])
    assert [row.address for row in await aliases.list(10)] == [f"a@{DOMAIN}", f"team@{DOMAIN}"]
    assert [row.address for row in await aliases.list(10, after=f"a@{DOMAIN}", domain=DOMAIN)] == [f"team@{DOMAIN}"]
    assert await aliases.list(10, domain="else.test") == []
    changed = await aliases.update(made.address, targets=["y@else.test"], members_only=False, active=False)
    assert (changed.targets, changed.members_only, changed.active) == (("y@else.test",), False, False)
    await aliases.delete(made.address)
    for call in (
        aliases.get(made.address),
        aliases.delete(made.address),
        aliases.delete(alice.address),
        aliases.update(made.address, active=True),
        aliases.update(alice.address, members_only=True),
    ):
        with pytest.raises(Refused) as error:
            await call
        assert error.value.failure is Failure.NO_SUCH_ACCOUNT


@pytest.mark.parametrize(
    ("address", "failure"), [(f"alice@{DOMAIN}", Failure.CONFLICT), ("x@nowhere.test", Failure.NO_SUCH_DOMAIN)]
)
async def test_what_cannot_be_an_alias(aliases: Aliases, alice: Account, address: str, failure: Failure) -> None:
    with pytest.raises(Refused) as error:
        await aliases.create(address, [alice.address])
    assert error.value.failure is failure
    with pytest.raises(Refused) as error:
        await aliases.update((await aliases.create(f"x@{DOMAIN}", ["a@b.test"])).address, members_only=True)
    assert error.value.failure is Failure.CONFLICT


async def test_mail_is_kept_or_forwarded(provisioning: Provisioning, directory: Directory, alice: Account) -> None:
    with pytest.raises(Refused) as error:
        await provisioning.update_account(alice.account_id, keeps_copy=False)
    assert error.value.failure is Failure.CONFLICT
    await provisioning.update_account(alice.account_id, keeps_copy=False, forwards=["a@else.test"])
    found = await behind(directory, alice.address)
    assert isinstance(found, Recipient) and (found.forwards, found.keeps_copy) == (("a@else.test",), False)
    with pytest.raises(Refused):
        await provisioning.update_account(alice.account_id, forwards=[])
    await provisioning.update_account(alice.account_id, forwards=[], keeps_copy=True)


async def test_keys_are_rotated(jobs_db: Database, directory: Directory, owner_db: Database) -> None:
    keys = SrsKeys(jobs_db)
    (first,) = await directory.srs_secrets()
    assert len(first) == 32
    assert await keys.rotate(timedelta(days=30)) == 0
    assert await directory.srs_secrets() == [first]
    await owner_db.execute("test", "UPDATE srs_keys SET created_at = now() - interval '31 days'")
    assert await keys.rotate(timedelta(days=30)) == 0
    second, kept = await directory.srs_secrets()
    assert kept == first != second
    await owner_db.execute("test", "UPDATE srs_keys SET created_at = created_at - interval '23 days'")
    assert await keys.rotate(timedelta(days=30)) == 1
    assert await directory.srs_secrets() == [second]
