"""Messages of a maildrop on their way out of the store: many by one statement, the next ones while these are being sent.

A client that pipelines RETRs in the order of their numbers will go on: what it is likely to ask for next is read before it asks.
A few such reads are there at a time, each of at most `READ_OCTETS`, and are forgotten unless they are wanted within
`AHEAD_SECONDS`: memory stays bounded, and nothing old is told.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from mailstead.model.failure import Refused
from mailstead.store.maildrop import Maildrops, Whole
from pop3.maildrop import MaildropView

READ_OCTETS = 512 * 1024  # that one statement reads; a larger message streams in pieces
READ_MESSAGES = 50
READS_AHEAD = 2
AHEAD_SECONDS = 2.0

Batch = Sequence[tuple[int, int]]  # (UID, octets) of each message; (0, 0) for a number that is none


def batches(numbers: Iterable[int], drop: MaildropView) -> Iterator[Batch]:
    """`numbers` in runs of what may be read by one statement; a message above `READ_OCTETS` is alone in its run."""
    batch: list[tuple[int, int]] = []
    octets = 0
    for number in numbers:
        try:
            uid, size = drop.uid(number), drop.size(number)
        except Refused:
            uid = size = 0
        alone = size > READ_OCTETS
        if batch and (alone or octets + size > READ_OCTETS or len(batch) == READ_MESSAGES):
            yield batch
            batch, octets = [], 0
        batch.append((uid, size))
        octets += size
        if alone:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch


def expected(numbers: Sequence[int], drop: MaildropView) -> list[Batch]:
    """What a client that sent RETR of `numbers` at once will ask for next, if it goes on in this order and by as many."""
    if len(numbers) < 2 or numbers[-1] != numbers[-2] + 1:
        return []
    following = range(numbers[-1] + 1, min(numbers[-1] + len(numbers), drop.last_number) + 1)
    return [*islice(batches(following, drop), READS_AHEAD)]


def readable(batch: Batch) -> tuple[int, ...]:
    """The UIDs of a batch that are read whole."""
    return tuple(uid for uid, size in batch if uid and size <= READ_OCTETS)


class Reader:
    """Reads for one session. `close` it when the maildrop is given back."""

    def __init__(self, maildrops: Maildrops) -> None:
        self._maildrops = maildrops
        self._ahead: dict[tuple[int, ...], asyncio.Task[dict[int, Whole]]] = {}  # by the UIDs that are read
        self._expiry: asyncio.TimerHandle | None = None

    async def read(self, account_id: int, mailbox_id: int, uids: Sequence[int]) -> dict[int, Whole]:
        """Messages by UID, those that are gone left out. Raises Refused, as `Maildrops.read`."""
        found: dict[int, Whole] = {}
        rest = set(uids)
        for ahead in [ahead for ahead in self._ahead if not rest.isdisjoint(ahead)]:
            found |= await self._ahead.pop(ahead)
            rest.difference_update(ahead)
        return found | await self._maildrops.read(account_id, mailbox_id, sorted(rest)) if rest else found

    async def begin(self, account_id: int, mailbox_id: int, following: Sequence[Batch]) -> None:
        """Read the first few of these ahead, and nothing else."""
        wanted = [uids for uids in map(readable, following[:READS_AHEAD]) if uids]
        for uids in [uids for uids in self._ahead if uids not in wanted]:
            self._ahead.pop(uids).cancel()
        self._stop_clock()
        for uids in wanted:
            if uids not in self._ahead:
                task = asyncio.create_task(self._maildrops.read(account_id, mailbox_id, uids))
                task.add_done_callback(_look_at)
                self._ahead[uids] = task
        if wanted:
            self._expiry = asyncio.get_running_loop().call_later(AHEAD_SECONDS, self.close)
            await asyncio.sleep(0)  # so that the statements are on their way before the caller is busy with what it has

    def close(self) -> None:
        """Forget what was read ahead."""
        self._stop_clock()
        for task in self._ahead.values():
            task.cancel()
        self._ahead.clear()

    def _stop_clock(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None


def _look_at(task: "asyncio.Task[dict[int, Whole]]") -> None:
    """A failure of what nobody came to ask for is nobody's."""
    if not task.cancelled():
        task.exception()
