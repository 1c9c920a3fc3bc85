"""Mailboxes against a small model: what a session that reads only deltas knows is what the mailbox holds (promises D4, P6)."""

import random

import pytest

from mailstead.model.flags import FlagChange, Flags, SystemFlag
from mailstead.store.changes import Changes
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from store.builders import Account, fill
from store.reader import Session

STEPS = 60
FLAGS = [SystemFlag.SEEN, SystemFlag.FLAGGED, SystemFlag.DELETED, SystemFlag.SEEN | SystemFlag.ANSWERED]


@pytest.mark.parametrize("seed", range(4))
async def test_deltas_tell_everything(
    seed: int, ingest: Ingest, messages: Messages, mailboxes: Mailboxes, changes: Changes, alice: Account
) -> None:
    chance = random.Random(seed)
    account_id = alice.account_id
    opened_first = await mailboxes.get(account_id, "INBOX")
    inbox, archive = opened_first.mailbox_id, (await mailboxes.get(account_id, "Archive")).mailbox_id
    sessions = {often: Session(changes, opened_first) for often in (0.5, 0.2, 0.05, 0.0)}  # how often each looks
    model: dict[int, Flags] = {}
    given: set[int] = set()
    for _ in range(STEPS):
        some = sorted(chance.sample(sorted(model), min(len(model), chance.randint(0, 5))))
        match chance.randrange(6):
            case 0 | 1:
                flags = Flags(chance.choice(FLAGS), ("$Label",) if chance.random() < 0.3 else ())
                stored = await fill(ingest, alice, chance.randint(1, 5), flags=flags)
                uids = [each.uid for each in stored]
                assert not given & set(uids), "a UID was given twice"
                given.update(uids)
                model.update(dict.fromkeys(uids, flags))
            case 2:
                change, flags = chance.choice(list(FlagChange)), Flags(chance.choice(FLAGS))
                result = await messages.store_flags(account_id, inbox, some, change, flags)
                model.update({row.uid: row.flags for row in result.rows})
                if change is FlagChange.REPLACE:
                    assert all(model[uid] == flags for uid in some)
            case 3:
                gone = await messages.expunge(account_id, inbox, some, actor="test")
                assert gone == [uid for uid in some if model[uid].system & SystemFlag.DELETED]
                for uid in gone:
                    del model[uid]
            case 4:
                copied = await messages.copy(account_id, inbox, some, inbox)
                for old, new in copied.pairs:
                    assert new not in given
                    given.add(new)
                    model[new] = model[old]
            case _:
                moved = await messages.move(account_id, inbox, some, archive)
                assert [old for old, _ in moved.pairs] == some
                for uid in some:
                    del model[uid]
        for often, session in sessions.items():
            if chance.random() < often:
                await session.catch_up()
                assert session.flags == model
        opened = await mailboxes.open(account_id, "INBOX")
        assert list(opened.uids) == sorted(model)
        assert opened.mailbox.unseen == sum(not flags.system & SystemFlag.SEEN for flags in model.values())
    for session in sessions.values():
        await session.catch_up()
        assert session.flags == model


async def test_a_mailbox_made_again_is_another_one(mailboxes: Mailboxes, ingest: Ingest, alice: Account) -> None:
    """Its UIDVALIDITY is higher, so that no client takes its messages for those of the one before."""
    validities = []
    for _ in range(3):
        made = await mailboxes.create(alice.account_id, "Work")
        validities.append(made.uidvalidity)
        await fill(ingest, alice, 2, "Work")
        await mailboxes.delete(alice.account_id, "Work")
    assert validities == sorted(set(validities))
