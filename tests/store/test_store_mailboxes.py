"""Mailboxes: made, listed, opened, renamed and deleted, with counters that are right and UIDs that are never given twice."""

import asyncio
from datetime import timedelta

import pytest

from mailstead.model.failure import Failure, Refused
from mailstead.model.flags import FlagChange, Flags, SystemFlag
from mailstead.store import mailbox_row
from mailstead.store import mailboxes as mailboxes_module
from mailstead.store.changes import Changes
from mailstead.store.engine import Database
from mailstead.store.ingest import Ingest
from mailstead.store.mailbox_row import MAX_DEPTH, MAX_NAME
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.provisioning import STANDARD_MAILBOXES
from mailstead.store.reclaim import Reclaim
from store.builders import Account, Town, delivery, fill

SEEN = Flags(SystemFlag.SEEN)
MAX_UID = 2**32 - 1


async def names(mailboxes: Mailboxes, account: Account) -> set[str]:
    """Those beyond the ones that every account has."""
    return {mailbox.name for mailbox in await mailboxes.list(account.account_id)} - STANDARD_MAILBOXES.keys()


async def test_a_new_account_has_the_standard_mailboxes(mailboxes: Mailboxes, alice: Account) -> None:
    listed = await mailboxes.list(alice.account_id)
    assert {mailbox.name: mailbox.special_use for mailbox in listed} == STANDARD_MAILBOXES
    assert all(mailbox.subscribed for mailbox in listed)
    assert len({mailbox.uidvalidity for mailbox in listed}) == len(listed)


async def test_select_tells_all_of_one_moment(mailboxes: Mailboxes, messages: Messages, ingest: Ingest, alice: Account) -> None:
    await fill(ingest, alice, 2, flags=SEEN)
    stored = await fill(ingest, alice, 3, flags=Flags(keywords=("$Label", "b")))
    await fill(ingest, alice, 1, flags=Flags(SystemFlag.DELETED, ("$label",)))
    opened = await mailboxes.open(alice.account_id, "INBOX")
    assert list(opened.uids) == [1, 2, 3, 4, 5, 6]
    assert opened.first_unseen_uid == stored[0].uid
    assert set(opened.keywords) == {"$Label", "$label", "b"}
    mailbox = opened.mailbox
    assert (mailbox.messages, mailbox.unseen, mailbox.deleted, mailbox.uidnext) == (6, 4, 1, 7)
    rows = await messages.summaries(alice.account_id, mailbox.mailbox_id, list(opened.uids))
    assert mailbox.size == sum(row.size for row in rows)
    assert mailbox.highest_modseq == max(row.modseq for row in rows)


async def test_an_empty_mailbox_opens(mailboxes: Mailboxes, alice: Account) -> None:
    opened = await mailboxes.open(alice.account_id, "Drafts")
    assert (list(opened.uids), opened.first_unseen_uid, opened.keywords) == ([], None, ())
    assert (opened.mailbox.uidnext, opened.mailbox.highest_modseq) == (1, 1)


async def test_the_largest_uids(mailboxes: Mailboxes, ingest: Ingest, alice: Account, owner_db: Database) -> None:
    """UIDs are unsigned 32-bit numbers (RFC 9051 §2.3.1.1): all of them are told, and none is given twice when they run out."""
    await owner_db.execute("arrange", "UPDATE mailboxes SET uidnext = $1 WHERE name = 'INBOX'", 2**31 - 1)
    await fill(ingest, alice, 3)
    await owner_db.execute("arrange", "UPDATE mailboxes SET uidnext = $1 WHERE name = 'INBOX'", MAX_UID - 2)
    await fill(ingest, alice, 2)
    with pytest.raises(Refused) as refused:
        await ingest.deliver(delivery(alice.copy()))
    assert refused.value.failure is Failure.UNAVAILABLE
    opened = await mailboxes.open(alice.account_id, "INBOX")
    assert list(opened.uids) == [2**31 - 1, 2**31, 2**31 + 1, MAX_UID - 2, MAX_UID - 1]


IMPOSSIBLE = [
    "", "/", "a//b", "a/", "/a", "a\0", "a\x7f", "a*", "%", "\ud800", "x" * (MAX_NAME + 1), "/".join("x" * (MAX_DEPTH + 1)),
]  # fmt: skip
POSSIBLE = ["Bücher/Ω 中", "inboxes", "x" * MAX_NAME, "Archive/2026", "a b\"c\\d'e", "/".join("x" * MAX_DEPTH)]


async def test_names_that_no_mailbox_can_have(mailboxes: Mailboxes, alice: Account) -> None:
    for name in IMPOSSIBLE:
        for attempt in (mailboxes.create(alice.account_id, name), mailboxes.rename(alice.account_id, "Archive", name)):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.failure is Failure.INVALID_NAME, name
    assert await names(mailboxes, alice) == set()


async def test_names_that_a_mailbox_can_have(mailboxes: Mailboxes, alice: Account) -> None:
    for name in POSSIBLE:
        made = await mailboxes.create(alice.account_id, name)
        assert await mailboxes.get(alice.account_id, name) == made
        await mailboxes.rename(alice.account_id, name, "other")
        assert (await mailboxes.get(alice.account_id, "other")).mailbox_id == made.mailbox_id
        await mailboxes.delete(alice.account_id, "other")


async def test_inbox_has_one_name_in_any_case(mailboxes: Mailboxes, alice: Account) -> None:
    """RFC 9051 §5.1; what is below it keeps its own case."""
    with pytest.raises(Refused) as refused:
        await mailboxes.create(alice.account_id, "inbox")
    assert refused.value.failure is Failure.MAILBOX_EXISTS
    assert (await mailboxes.create(alice.account_id, "Inbox/Work")).name == "INBOX/Work"
    with pytest.raises(Refused) as refused:
        await mailboxes.delete(alice.account_id, "INBOX")
    assert refused.value.failure is Failure.NOT_PERMITTED


async def test_as_many_mailboxes_as_an_account_may_have(
    mailboxes: Mailboxes, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_row, "MAX_MAILBOXES", len(STANDARD_MAILBOXES) + 1)
    monkeypatch.setattr(mailboxes_module, "MAX_MAILBOXES", len(STANDARD_MAILBOXES) + 1)
    await mailboxes.create(alice.account_id, "one more")
    await mailboxes.subscribe(alice.account_id, "one more", on=True)
    for attempt in (
        mailboxes.create(alice.account_id, "too many"),
        mailboxes.rename(alice.account_id, "INBOX", "too many"),
        mailboxes.subscribe(alice.account_id, "too many", on=True),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.failure is Failure.TOO_MANY


async def test_of_many_that_create_one_name_one_does(mailboxes: Mailboxes, alice: Account) -> None:
    outcomes = await asyncio.gather(*(mailboxes.create(alice.account_id, "Work") for _ in range(6)), return_exceptions=True)
    failures = [outcome.failure for outcome in outcomes if isinstance(outcome, Refused)]
    assert failures == [Failure.MAILBOX_EXISTS] * 5
    assert await names(mailboxes, alice) == {"Work"}


async def test_a_deleted_mailbox_leaves_tombstones(
    mailboxes: Mailboxes, ingest: Ingest, alice: Account, changes: Changes, owner_db: Database
) -> None:
    made = await mailboxes.create(alice.account_id, "Work")
    stored = await fill(ingest, alice, 4, "Work", flags=Flags(SystemFlag.FLAGGED, ("k",)))
    await mailboxes.delete(alice.account_id, "Work")
    for attempt in (
        mailboxes.get(alice.account_id, "Work"),
        mailboxes.delete(alice.account_id, "Work"),
        changes.since(alice.account_id, made.mailbox_id, 0, known_uidnext=1),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.failure is Failure.NO_SUCH_MAILBOX
    rows = await owner_db.fetch("look", "SELECT uid, modseq, flags, keywords, reason FROM expunged ORDER BY uid")
    after = stored[-1].modseq + 1
    assert [tuple(row) for row in rows] == [(each.uid, after, 4, ["k"], "mailbox deletion") for each in stored]


async def test_uidvalidity_never_goes_back(
    mailboxes: Mailboxes, ingest: Ingest, alice: Account, owner_db: Database, reclaim: Reclaim
) -> None:
    """Whatever the clock says: not when a name comes back by creation, nor by renaming, nor when INBOX is moved away."""
    given = [(await mailboxes.create(alice.account_id, "Work")).uidvalidity]
    await owner_db.execute("a clock that runs ahead", "UPDATE accounts SET last_uidvalidity = last_uidvalidity + 1000000")
    for _ in range(2):
        await mailboxes.delete(alice.account_id, "Work")
        await reclaim.tombstones(timedelta(0))
        given.append((await mailboxes.create(alice.account_id, "Work")).uidvalidity)
    await mailboxes.delete(alice.account_id, "Work")
    await mailboxes.create(alice.account_id, "Other")
    await mailboxes.rename(alice.account_id, "Other", "Work")
    given.append((await mailboxes.get(alice.account_id, "Work")).uidvalidity)
    await mailboxes.delete(alice.account_id, "Work")
    await fill(ingest, alice, 1)
    await mailboxes.rename(alice.account_id, "INBOX", "Work")
    given.append((await mailboxes.get(alice.account_id, "Work")).uidvalidity)
    assert given == sorted(set(given)) and given[1] - given[0] >= 1_000_000


async def test_renaming_takes_along_what_is_below(mailboxes: Mailboxes, ingest: Ingest, alice: Account) -> None:
    for name in ("a", "a/b", "a/b/c", "ab", "a_b", "z"):
        await mailboxes.create(alice.account_id, name)
    stored = await fill(ingest, alice, 2, "a/b")
    await mailboxes.rename(alice.account_id, "a", "new/a")
    assert await names(mailboxes, alice) == {"new/a", "new/a/b", "new/a/b/c", "ab", "a_b", "z"}
    renamed = await mailboxes.open(alice.account_id, "new/a/b")
    assert renamed.mailbox.uidvalidity == stored[0].uidvalidity and list(renamed.uids) == [1, 2]
    for old, new, failure in (
        ("new/a", "z", Failure.MAILBOX_EXISTS),
        ("new/a", "INBOX", Failure.MAILBOX_EXISTS),
        ("new/a", "new/a", Failure.INVALID_NAME),
        ("new/a", "new/a/x", Failure.INVALID_NAME),
        ("new", "x", Failure.NO_SUCH_MAILBOX),
        ("new/a", "x" * (MAX_NAME - 2), Failure.INVALID_NAME),
    ):
        with pytest.raises(Refused) as refused:
            await mailboxes.rename(alice.account_id, old, new)
        assert refused.value.failure is failure, (old, new)
    assert await names(mailboxes, alice) == {"new/a", "new/a/b", "new/a/b/c", "ab", "a_b", "z"}


async def test_names_that_change_places_do_not_collide(mailboxes: Mailboxes, alice: Account) -> None:
    """A child's new name may be one that another of the renamed still has."""
    for name in ("x/x", "x/x/x", "x"):
        await mailboxes.create(alice.account_id, name)
    await mailboxes.rename(alice.account_id, "x/x", "y")
    await mailboxes.rename(alice.account_id, "y/x", "x/x")
    await mailboxes.delete(alice.account_id, "x")
    await mailboxes.rename(alice.account_id, "x/x", "x")
    assert await names(mailboxes, alice) == {"x", "y"}


async def test_renaming_inbox_moves_its_messages(mailboxes: Mailboxes, ingest: Ingest, alice: Account, changes: Changes) -> None:
    """RFC 9051 §6.3.6: INBOX stays, empty; its UIDs go on where they were."""
    before = await mailboxes.get(alice.account_id, "INBOX")
    await fill(ingest, alice, 3, flags=SEEN)
    await mailboxes.rename(alice.account_id, "INBOX", "Old")
    inbox, old = await mailboxes.open(alice.account_id, "INBOX"), await mailboxes.open(alice.account_id, "Old")
    assert (inbox.mailbox.mailbox_id, inbox.mailbox.uidnext, list(inbox.uids)) == (before.mailbox_id, 4, [])
    assert len(old.uids) == 3 and old.mailbox.unseen == 0
    delta = await changes.since(alice.account_id, before.mailbox_id, before.highest_modseq, known_uidnext=1)
    assert delta.vanished == [1, 2, 3]
    assert [stored.uid for stored in await fill(ingest, alice, 1)] == [4]


async def test_mail_arrives_while_mailboxes_are_renamed(mailboxes: Mailboxes, ingest: Ingest, alice: Account) -> None:
    """A mailbox that changes its name in the midst of a batch has the message, or the message is refused."""
    await mailboxes.create(alice.account_id, "Work 0")
    work = await mailboxes.get(alice.account_id, "Work 0")
    arrived = 0

    async def rename() -> None:
        for n in range(20):
            await mailboxes.rename(alice.account_id, f"Work {n}", f"Work {n + 1}")

    renaming = asyncio.create_task(rename())
    while not renaming.done():
        outcomes = await asyncio.gather(
            *(ingest.deliver(delivery(alice.copy(f"Work {n}"))) for n in range(22)), return_exceptions=True
        )
        for outcome in outcomes:
            assert not isinstance(outcome, Refused) or outcome.failure is Failure.NO_SUCH_MAILBOX, outcome
        arrived += sum(not isinstance(outcome, BaseException) for outcome in outcomes)
    await renaming
    final = await mailboxes.get(alice.account_id, "Work 20")
    assert (final.mailbox_id, final.messages, final.uidnext) == (work.mailbox_id, arrived, arrived + 1)


async def test_subscriptions_outlive_their_mailbox(mailboxes: Mailboxes, alice: Account) -> None:
    """RFC 9051 §6.3.7."""
    await mailboxes.create(alice.account_id, "Work")
    assert not next(mailbox for mailbox in await mailboxes.list(alice.account_id) if mailbox.name == "Work").subscribed
    for _ in range(2):
        await mailboxes.subscribe(alice.account_id, "Work", on=True)
    await mailboxes.delete(alice.account_id, "Work")
    assert "Work" in await mailboxes.subscriptions(alice.account_id)
    await mailboxes.subscribe(alice.account_id, "Work", on=False)
    assert set(await mailboxes.subscriptions(alice.account_id)) == STANDARD_MAILBOXES.keys()


async def test_accounts_do_not_see_each_other(
    mailboxes: Mailboxes, messages: Messages, changes: Changes, ingest: Ingest, town: Town, alice: Account
) -> None:
    """With the mailbox number of another account, everything is as if it were not there."""
    stored = (await fill(ingest, alice, 2))[0]
    bob = await town.account("bob")
    other = (await mailboxes.get(bob.account_id, "INBOX")).mailbox_id
    assert await messages.summaries(bob.account_id, stored.mailbox_id, [1, 2]) == []
    assert await messages.expunge(bob.account_id, stored.mailbox_id, [1, 2], actor="test", only_deleted=False) == []
    for attempt in (
        changes.since(bob.account_id, stored.mailbox_id, 0, known_uidnext=1),
        messages.copy(bob.account_id, stored.mailbox_id, [1], other),
        messages.move(bob.account_id, other, [1], stored.mailbox_id),
        messages.store_flags(bob.account_id, stored.mailbox_id, [1], FlagChange.ADD, SEEN),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.failure is Failure.NO_SUCH_MAILBOX
    assert (await mailboxes.get(alice.account_id, "INBOX")).unseen == 2
