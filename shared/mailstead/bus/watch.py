"""Who of this process watches which mailbox, or all of an account, and waking them when it moved on.

A replica listens to an account only while one of its sessions watches it or a mailbox of it (promise S4). What events may have
missed is made up for by batched looks, one at the highest modseqs and one at the digests of accounts: at intervals, after each
reconnection, and once the interest in an account has reached NATS, since events may have passed before (promise D2).
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

from mailstead.bus.client import Bus, Subscription
from mailstead.events import Event, MailboxChanged, MailboxesChanged, account_subject
from mailstead.model.failure import Refused

LOOK_BATCH = 5_000  # mailboxes in one look
ACCOUNTS_BATCH = 500  # accounts in one look

Highest = Callable[[Sequence[tuple[int, int]]], Awaitable[dict[tuple[int, int], int]]]
"""`Changes.highest`: (account_id, mailbox_id) pairs -> their highest modseqs; those that are gone are left out."""

Digests = Callable[[Sequence[int]], Awaitable[dict[int, int]]]
"""`Changes.account_digests`: account ids -> a number each, another one after any change."""


class Watch:
    """One session's interest in one mailbox. `wake` is called when the mailbox may be past the modseq that was last `seen`."""

    __slots__ = ("_modseq", "_wake", "_watcher", "key")

    def __init__(self, watcher: "Watcher", key: tuple[int, int], modseq: int, wake: Callable[[], None]) -> None:
        self.key = key
        self._watcher = watcher
        self._modseq = modseq
        self._wake = wake

    def seen(self, modseq: int) -> None:
        """The session has told its client everything up to `modseq`."""
        self._modseq = max(self._modseq, modseq)

    def notice(self, modseq: int | None) -> None:
        """The mailbox is at `modseq`, or gone for None."""
        if modseq is None or modseq > self._modseq:
            self._wake()

    def close(self) -> None:
        self._watcher._remove(self)


class AccountWatch:
    """One session's interest in all mailboxes of an account.

    `wake` is called with the mailbox that moved on, or with None when it may be anything. It may be called in vain.
    """

    __slots__ = ("_digest", "_wake", "_watcher", "account_id")

    def __init__(self, watcher: "Watcher", account_id: int, wake: Callable[[int | None], None]) -> None:
        self.account_id = account_id
        self._watcher = watcher
        self._digest: int | None = None
        self._wake = wake

    def heard(self, mailbox_id: int | None) -> None:
        self._wake(mailbox_id)

    def looked(self, digest: int | None) -> None:
        if digest is None or digest != self._digest:
            self._digest = digest
            self._wake(None)

    def doubt(self) -> None:
        """The session could not read what changed: the next look wakes it again."""
        self._digest = None

    def close(self) -> None:
        self._watcher._remove_account(self)


class Watcher:
    """An async context: inside it the periodic look runs."""

    def __init__(self, bus: Bus, highest: Highest, digests: Digests, *, poll_seconds: float) -> None:
        self._bus = bus
        self._highest = highest
        self._digests = digests
        self._poll_seconds = poll_seconds
        self._watches: dict[tuple[int, int], set[Watch]] = defaultdict(set)
        self._whole: dict[int, set[AccountWatch]] = defaultdict(set)
        self._accounts: dict[int, tuple[Subscription, int]] = {}  # account -> (subscription, watches)
        self._look_now = asyncio.Event()
        self._unsure: set[int] = set()  # accounts to look at; all of them when a look is due and this is empty
        self._looking: asyncio.Task[None] | None = None
        bus.on_reconnect(self._doubt_all)

    async def __aenter__(self) -> "Watcher":
        self._looking = asyncio.create_task(self._look_periodically(), name="catch up with missed events")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._looking:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    def watch(self, account_id: int, mailbox_id: int, modseq: int, wake: Callable[[], None]) -> Watch:
        """Start watching from `modseq`. `wake` runs in the loop's thread, may be called more than once, and must not raise."""
        watch = Watch(self, (account_id, mailbox_id), modseq, wake)
        self._watches[watch.key].add(watch)
        self._listen(account_id)
        return watch

    def watch_account(self, account_id: int, wake: Callable[[int | None], None]) -> AccountWatch:
        """Start watching all of an account; `wake` is called once soon, for what may have changed meanwhile. See `watch`."""
        watch = AccountWatch(self, account_id, wake)
        self._whole[account_id].add(watch)
        self._listen(account_id)
        self._doubt(account_id)
        return watch

    def _remove(self, watch: Watch) -> None:
        watches = self._watches.get(watch.key)
        if not watches or watch not in watches:
            return
        watches.remove(watch)
        if not watches:
            del self._watches[watch.key]
        self._listen_no_more(watch.key[0])

    def _remove_account(self, watch: AccountWatch) -> None:
        watches = self._whole.get(watch.account_id)
        if not watches or watch not in watches:
            return
        watches.remove(watch)
        if not watches:
            del self._whole[watch.account_id]
        self._listen_no_more(watch.account_id)

    def _listen(self, account_id: int) -> None:
        subscription, count = self._accounts.get(account_id) or (
            self._bus.subscribe(account_subject(account_id), self._heard, attached=lambda: self._doubt(account_id)),
            0,
        )
        self._accounts[account_id] = (subscription, count + 1)

    def _listen_no_more(self, account_id: int) -> None:
        subscription, count = self._accounts[account_id]
        if count == 1:
            del self._accounts[account_id]
            subscription.close()
        else:
            self._accounts[account_id] = (subscription, count - 1)

    def _heard(self, event: Event) -> None:
        if isinstance(event, MailboxChanged):
            for watch in tuple(self._watches.get((event.account_id, event.mailbox_id), ())):
                watch.notice(event.modseq)
        if isinstance(event, MailboxChanged | MailboxesChanged):
            for whole in tuple(self._whole.get(event.account_id, ())):
                whole.heard(event.mailbox_id if isinstance(event, MailboxChanged) else None)

    def _doubt(self, account_id: int) -> None:
        self._unsure.add(account_id)
        self._look_now.set()

    def _doubt_all(self) -> None:
        self._unsure.update(self._accounts)
        self._look_now.set()

    async def _look_periodically(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), self._poll_seconds)
            self._look_now.clear()
            keys = [key for key in self._watches if not self._unsure or key[0] in self._unsure]
            accounts = [account_id for account_id in self._whole if not self._unsure or account_id in self._unsure]
            self._unsure.clear()
            for at in range(0, len(keys), LOOK_BATCH):
                await self._look(keys[at : at + LOOK_BATCH])
            for at in range(0, len(accounts), ACCOUNTS_BATCH):
                await self._look_at_accounts(accounts[at : at + ACCOUNTS_BATCH])

    async def _look(self, keys: list[tuple[int, int]]) -> None:
        try:
            found = await self._highest(keys)
        except Refused:
            return  # the store is away; the next look makes up for it
        for key in keys:
            for watch in tuple(self._watches.get(key, ())):
                watch.notice(found.get(key))

    async def _look_at_accounts(self, account_ids: list[int]) -> None:
        try:
            found = await self._digests(account_ids)
        except Refused:
            return  # as above
        for account_id in account_ids:
            for watch in tuple(self._whole.get(account_id, ())):
                watch.looked(found.get(account_id))
