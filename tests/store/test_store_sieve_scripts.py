"""Scripts of accounts: at most one is active, their number is bounded, a new text is a new revision."""

import asyncio
from collections.abc import Awaitable

import pytest

from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.deletion import Deletion
from mailstead.store.directory import Directory, Recipient
from mailstead.store.engine import Database
from mailstead.store.sieve_scripts import SieveScripts
from store.builders import Account, Town


@pytest.fixture
def scripts(smtp_db: Database) -> SieveScripts:
    return SieveScripts(smtp_db, max_scripts=3)


@pytest.fixture
async def bob(town: Town) -> Account:
    return await town.account("bob")


async def refused(work: Awaitable[object]) -> Failure:
    with pytest.raises(Refused) as raised:
        await work
    return raised.value.failure


async def names(scripts: SieveScripts, account: Account) -> dict[str, bool]:
    return {script.name: script.active for script in await scripts.list(account.account_id)}


async def test_a_script_comes_back_as_it_came(scripts: SieveScripts, alice: Account) -> None:
    text = "# Grüße\r\nkeep;\r\n"
    info = await scripts.put(alice.account_id, "mine", text)
    assert (info.name, info.octets, info.active) == ("mine", len(text.encode()), False)
    assert await scripts.get(alice.account_id, "mine") == (info, text)
    assert await scripts.list(alice.account_id) == [info]


async def test_scripts_are_their_accounts(scripts: SieveScripts, alice: Account, bob: Account) -> None:
    await scripts.put(alice.account_id, "mine", "keep;")
    assert await refused(scripts.get(bob.account_id, "mine")) is Failure.NO_SUCH_SCRIPT
    assert await refused(scripts.activate(bob.account_id, "mine")) is Failure.NO_SUCH_SCRIPT
    assert await refused(scripts.delete(bob.account_id, "mine")) is Failure.NO_SUCH_SCRIPT
    assert await refused(scripts.rename(bob.account_id, "mine", "ours")) is Failure.NO_SUCH_SCRIPT
    assert await names(scripts, alice) == {"mine": False}


async def test_one_is_active(scripts: SieveScripts, alice: Account) -> None:
    for name in "abc":
        await scripts.put(alice.account_id, name, "keep;")
    for name in ("a", "b", "b"):
        await scripts.activate(alice.account_id, name)
    assert await names(scripts, alice) == {"a": False, "b": True, "c": False}
    assert await refused(scripts.activate(alice.account_id, "x")) is Failure.NO_SUCH_SCRIPT
    assert await names(scripts, alice) == {"a": False, "b": True, "c": False}
    assert await refused(scripts.delete(alice.account_id, "b")) is Failure.IN_USE
    await scripts.rename(alice.account_id, "b", "d")
    assert await names(scripts, alice) == {"a": False, "c": False, "d": True}
    await scripts.activate(alice.account_id, None)
    await scripts.delete(alice.account_id, "d")
    assert await names(scripts, alice) == {"a": False, "c": False}


async def test_many_at_once_leave_one_active(scripts: SieveScripts, alice: Account) -> None:
    for name in "abc":
        await scripts.put(alice.account_id, name, "keep;")
    await asyncio.gather(*(scripts.activate(alice.account_id, name) for name in "abcabc"), return_exceptions=True)
    assert sum((await names(scripts, alice)).values()) == 1


async def test_number_and_names_are_bounded(scripts: SieveScripts, alice: Account) -> None:
    for name in "abc":
        assert await scripts.has_room(alice.account_id, name)
        await scripts.put(alice.account_id, name, "keep;")
    assert not await scripts.has_room(alice.account_id, "d")
    assert await scripts.has_room(alice.account_id, "c")
    assert await refused(scripts.put(alice.account_id, "d", "keep;")) is Failure.TOO_MANY
    await scripts.put(alice.account_id, "c", "discard;")
    assert await refused(scripts.rename(alice.account_id, "a", "b")) is Failure.CONFLICT
    for name in ("", "x" * 129, "line\nbreak", "\u2028"):
        assert await refused(scripts.put(alice.account_id, name, "keep;")) is Failure.INVALID_NAME
        assert await refused(scripts.rename(alice.account_id, "a", name)) is Failure.INVALID_NAME
    assert await refused(scripts.put(2**40, "a", "keep;")) is Failure.NO_SUCH_ACCOUNT


async def test_mail_learns_of_a_script_with_its_recipient(scripts: SieveScripts, smtp_db: Database, alice: Account) -> None:
    directory = Directory(smtp_db)

    async def recipient() -> Recipient:
        found = await directory.recipient(Address.parse(alice.address))
        assert found is not None
        return found

    await scripts.put(alice.account_id, "a", "keep;")
    assert (await recipient()).script is None
    assert await scripts.active([alice.account_id]) == {}
    await scripts.activate(alice.account_id, "a")
    first = (await recipient()).script
    found = (await scripts.active([alice.account_id, 2**40]))[alice.account_id]
    assert (found.revision, found.text, found.addresses) == (first, "keep;", (alice.address,))
    await scripts.put(alice.account_id, "a", "discard;")
    assert (await recipient()).script not in (None, first)


async def test_scripts_go_with_their_account(scripts: SieveScripts, alice: Account, deletion: Deletion) -> None:
    await scripts.put(alice.account_id, "a", "keep;")
    await deletion.erase_account(alice.account_id)
    assert await scripts.list(alice.account_id) == []
