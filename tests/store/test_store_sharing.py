"""What the store keeps of rights, and mail that goes from one account to another of its tenant (RFC 4314)."""

from datetime import timedelta

import pytest

from mailstead.events import MailboxChanged, MailboxesChanged
from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import EVERY_FLAG, FlagChange, FlagMask, Flags, SystemFlag
from mailstead.store import sharing as store
from mailstead.store.changes import Changes
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.reclaim import Reclaim
from mailstead.store.sharing import EVERYBODY, Reader, Sharing
from store.builders import Account, Announced, Town, fill
from store.conftest import Statements


@pytest.fixture
def sharing(imap_db: Database, announced: Announced) -> Sharing:
    return Sharing(imap_db, announced)


@pytest.fixture
async def bob(town: Town) -> Account:
    return await town.account("bob")


def reader(account: Account) -> Reader:
    return Reader(account.account_id, account.tenant_id)


async def test_who_is_shown_what(sharing: Sharing, mailboxes: Mailboxes, town: Town, alice: Account, bob: Account) -> None:
    carol, eve = await town.account("carol"), await town.account("eve", tenant="elsewhere")
    inbox, sent = await mailboxes.get(alice.account_id, "INBOX"), await mailboxes.get(alice.account_id, "Sent")
    await sharing.change(reader(alice), inbox.mailbox_id, bob.account_id, lambda _: "lr")
    await sharing.change(reader(alice), inbox.mailbox_id, EVERYBODY, lambda _: "l")
    await sharing.change(reader(alice), sent.mailbox_id, bob.account_id, lambda before: before + "r")
    shown = {
        who: [(each.mailbox.name, set(each.rights)) for each in await sharing.mailboxes(reader(who))] for who in (bob, carol, eve)
    }
    assert shown == {bob: [("INBOX", {"l", "r"}), ("Sent", {"r"})], carol: [("INBOX", {"l"})], eve: []}
    assert await sharing.mailboxes(reader(alice)) == [], "her own are not among those of others"
    assert await sharing.acl(alice.account_id, inbox.mailbox_id) == [(bob.address, "lr"), ("anyone", "l")]
    await sharing.change(reader(alice), inbox.mailbox_id, EVERYBODY, lambda _: "")
    assert await sharing.mailboxes(reader(carol)) == []


async def test_a_change_of_rights_moves_the_modseq(
    sharing: Sharing, mailboxes: Mailboxes, alice: Account, bob: Account, announced: Announced, changes: Changes
) -> None:
    before = await mailboxes.get(alice.account_id, "INBOX")
    digests = [await changes.account_digests([alice.account_id, bob.account_id])]
    for of in ("lr", "lr", ""):
        await sharing.change(reader(alice), before.mailbox_id, bob.account_id, lambda _, of=of: of)  # type: ignore[misc]
        digests.append(await changes.account_digests([alice.account_id, bob.account_id]))
    after = await mailboxes.get(alice.account_id, "INBOX")
    assert after.highest_modseq == before.highest_modseq + 2, "what changes nothing moves nothing"
    told = [event for event in announced if not isinstance(event, MailboxChanged)]
    assert told == [MailboxesChanged(alice.account_id), MailboxesChanged(bob.account_id)] * 2
    assert digests[0] != digests[1] == digests[2] != digests[3]
    assert digests[0][bob.account_id] != digests[1][bob.account_id], "who missed the event finds it by looking"


async def test_it_takes_two_statements_to_find_what_is_shared_and_one_that_nothing_is(
    sharing: Sharing, mailboxes: Mailboxes, alice: Account, bob: Account, statements: Statements
) -> None:
    statements.clear()
    assert await sharing.mailboxes(reader(bob)) == []
    assert len(statements) == 1
    for name in ("INBOX", "Sent", "Archive"):
        mailbox = await mailboxes.get(alice.account_id, name)
        await sharing.change(reader(alice), mailbox.mailbox_id, bob.account_id, lambda _: "lr")
    statements.clear()
    assert len(await sharing.mailboxes(reader(bob))) == 3
    assert len(statements) == 2


async def test_bounds(
    sharing: Sharing, mailboxes: Mailboxes, town: Town, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_GRANTEES", 2)
    inbox = await mailboxes.get(alice.account_id, "INBOX")
    for name in ("one", "two"):
        friend = await town.account(name)
        await sharing.change(reader(alice), inbox.mailbox_id, friend.account_id, lambda _: "l")
    with pytest.raises(Refused) as refused:
        await sharing.change(reader(alice), inbox.mailbox_id, EVERYBODY, lambda _: "l")
    assert refused.value.failure is Failure.TOO_MANY
    assert len(await sharing.acl(alice.account_id, inbox.mailbox_id)) == 2


async def test_an_account_that_goes_takes_its_rights_along(
    sharing: Sharing, mailboxes: Mailboxes, alice: Account, bob: Account, owner_db: Database, deletion: Deletion
) -> None:
    for owner, grantee in ((alice, bob), (bob, alice)):
        mailbox = await mailboxes.get(owner.account_id, "INBOX")
        await sharing.change(reader(owner), mailbox.mailbox_id, grantee.account_id, lambda _: "lr")
    await deletion.erase_account(bob.account_id)
    for table in ("mailbox_rights", "shares"):
        assert await owner_db.fetch("look", f"SELECT FROM {table}") == [], table


async def test_a_deleted_account_shares_nothing_until_it_is_restored(
    sharing: Sharing, mailboxes: Mailboxes, alice: Account, bob: Account, deletion: Deletion
) -> None:
    inbox = await mailboxes.get(alice.account_id, "INBOX")
    await sharing.change(reader(alice), inbox.mailbox_id, bob.account_id, lambda _: "lr")

    async def reached() -> tuple[int, bool, str, bool]:
        found = await sharing.find(reader(bob), alice.address, ["INBOX"])
        rights = await sharing.rights(reader(bob), alice.account_id, inbox.mailbox_id)
        account = await sharing.account(reader(bob), alice.address)
        return len(await sharing.mailboxes(reader(bob))), found is not None, rights, account is not None

    assert await reached() == (1, True, "lr", True)
    await deletion.delete_account(alice.account_id, timedelta(days=1))
    assert await reached() == (0, False, "", False)
    await deletion.restore_account(alice.account_id)
    assert await reached() == (1, True, "lr", True)


async def test_mail_of_another_account_is_described_anew_and_kept_once(
    messages: Messages,
    mailboxes: Mailboxes,
    ingest: Ingest,
    reclaim: Reclaim,
    alice: Account,
    bob: Account,
    owner_db: Database,
    announced: Announced,
) -> None:
    """What is left when its first owner's is gone is all there: descriptions belong to one account, contents to the tenant."""
    await fill(ingest, alice, 3, flags=Flags(SystemFlag.SEEN | SystemFlag.DELETED, ("$Label",)))
    source, target = await mailboxes.get(alice.account_id, "INBOX"), await mailboxes.get(bob.account_id, "Archive")
    announced.clear()
    mask = FlagMask(SystemFlag.SEEN, False)
    copied = await messages.copy(
        alice.account_id, source.mailbox_id, [1, 2], target.mailbox_id, target_account_id=bob.account_id, mask=mask
    )
    moved = await messages.move(alice.account_id, source.mailbox_id, [1, 3], target.mailbox_id, target_account_id=bob.account_id)
    assert (copied.pairs, moved.pairs) == ([(1, 1), (2, 2)], [(1, 3), (3, 4)])
    assert {(e.account_id, e.mailbox_id) for e in announced if isinstance(e, MailboxChanged)} == {
        (alice.account_id, source.mailbox_id),
        (bob.account_id, target.mailbox_id),
    }
    rows = await messages.flags(bob.account_id, target.mailbox_id, [1, 2, 3, 4])
    full = Flags(SystemFlag.SEEN | SystemFlag.DELETED, ("$Label",))
    assert [row.flags for row in rows] == [Flags(SystemFlag.SEEN), Flags(SystemFlag.SEEN), full, full]
    contents = await owner_db.fetchrow("count", "SELECT count(*) AS n FROM contents")
    assert contents is not None
    assert contents["n"] == 3
    await messages.expunge(alice.account_id, source.mailbox_id, [2], actor="test")
    await reclaim.tombstones(timedelta(0))
    await reclaim.emails(timedelta(0))
    await reclaim.contents(timedelta(0))
    summaries = await messages.summaries(bob.account_id, target.mailbox_id, [1, 2, 3, 4])
    assert [b"".join([piece async for piece in messages.read(row.source)])[:4] for row in summaries] == [b"Retu"] * 4
    assert len({row.email_id for row in summaries}) == 4


async def test_replacing_only_the_flags_that_may_be(
    messages: Messages, mailboxes: Mailboxes, ingest: Ingest, alice: Account
) -> None:
    inbox = await mailboxes.get(alice.account_id, "INBOX")
    before = Flags(SystemFlag.DELETED | SystemFlag.FLAGGED, ("$Old",))
    await fill(ingest, alice, 1, flags=before)
    for mask, wanted, after in (
        (FlagMask(SystemFlag.SEEN, False), Flags(SystemFlag.SEEN | SystemFlag.DRAFT, ("$New",)),
         Flags(SystemFlag.SEEN | SystemFlag.DELETED | SystemFlag.FLAGGED, ("$Old",))),
        (FlagMask(SystemFlag.FLAGGED, True), Flags(SystemFlag.DRAFT, ("$New",)),
         Flags(SystemFlag.SEEN | SystemFlag.DELETED, ("$New",))),
        (EVERY_FLAG, Flags(SystemFlag.DRAFT), Flags(SystemFlag.DRAFT)),
    ):  # fmt: skip
        result = await messages.store_flags(alice.account_id, inbox.mailbox_id, [1], FlagChange.REPLACE, wanted, mask=mask)
        assert result.rows[0].flags == after
