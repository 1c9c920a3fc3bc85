"""A session that is told of a mailbox by deltas alone; it checks that what it is told fits what it knows (promises D4, P6)."""

from mailstead.model.flags import Flags
from mailstead.store.changes import Changes
from mailstead.store.mailbox_row import Mailbox


class Session:
    """What a session that opened an empty mailbox knows of it: flags by UID, as told by deltas alone."""

    def __init__(self, changes: Changes, empty: Mailbox) -> None:
        self._changes = changes
        self._key = empty.account_id, empty.mailbox_id
        self._modseq, self._uidnext = empty.highest_modseq, empty.uidnext
        self.flags: dict[int, Flags] = {}

    async def catch_up(self) -> None:
        delta = await self._changes.since(*self._key, self._modseq, known_uidnext=self._uidnext)
        assert delta.complete and delta.highest_modseq >= self._modseq and delta.uidnext >= self._uidnext
        for uid in delta.vanished:
            self.flags.pop(uid, None)  # what came and went between two looks was never known
        for row in delta.changed:
            assert row.uid in self.flags, "a change of a message that was never told of"
        for row in delta.arrived:
            assert self._uidnext <= row.uid < delta.uidnext
        for row in (*delta.changed, *delta.arrived):
            assert self._modseq < row.modseq <= delta.highest_modseq
            self.flags[row.uid] = row.flags
        self._modseq, self._uidnext = delta.highest_modseq, delta.uidnext
