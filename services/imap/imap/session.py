"""What the commands of one session work with: its state, its output, its view of the selected mailbox.

Unsolicited data leaves in `catch_up` and nowhere else; the server calls it once a command, before the tagged answer. Output is
gathered and leaves when enough came together, or when the client waits for it.
"""

from array import array
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from imap import response
from imap.dialect import Dialect
from imap.keywords import Keywords
from imap.metrics import ImapMetrics
from imap.notifying import Notifying
from imap.protocol import BadCommand, Protocol
from imap.rights import ALL, Rights, flags, parse
from imap.search_plan import Scope
from imap.settings import ImapSettings
from imap.state import Account, Authenticated, Ending, Event, NotAuthenticated, Selected, State, advance
from imap.view import FlagsChanged, View
from mailstead.bus import Watch, Watcher
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Authenticator
from mailstead.ops.connection import Connection
from mailstead.ops.live_sessions import LiveSession
from mailstead.ops.session_limits import Seat, SessionLimits
from mailstead.store.changes import Changes
from mailstead.store.flag_changes import FlagRow, StoreResult
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes, Opened
from mailstead.store.messages import Messages
from mailstead.store.metadata import Metadata
from mailstead.store.search import Search
from mailstead.store.sharing import Sharing
from mailstead.store.usage import Usage

FLUSH = 64 * 1024  # octets of output that are written without waiting for more


@dataclass(slots=True)
class AppendBudget:
    """Octets of messages being appended, over all sessions of the replica (promise S3)."""

    limit: int
    metrics: ImapMetrics
    used: int = 0

    def take(self, octets: int) -> bool:
        """False when there is no room now; a message that is alone always finds room."""
        if self.used and self.used + octets > self.limit:
            return False
        self.used += octets
        self.metrics.append_octets.set(self.used)
        return True

    def give_back(self, octets: int) -> None:
        self.used -= octets
        self.metrics.append_octets.set(self.used)


@dataclass(frozen=True, slots=True)
class Backend:
    """What all sessions of a replica share."""

    settings: ImapSettings
    authenticator: Authenticator
    limits: SessionLimits
    mailboxes: Mailboxes
    messages: Messages
    changes: Changes
    usage: Callable[[int], Awaitable[Usage]]
    metadata: Metadata
    search: Search
    sharing: Sharing
    ingest: Ingest
    watcher: Watcher
    metrics: ImapMetrics
    budget: AppendBudget
    sessions: "Sessions" = field(default_factory=lambda: Sessions())


@dataclass(slots=True)
class Sessions:
    """How many there are on this replica now."""

    count: int = 0


class Bad(Exception):
    """The command cannot be meant as it stands: a tagged BAD with this text."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class BrokenOff(Exception):
    """A literal that was announced cannot be finished: nothing can follow it, the connection is cut."""


class Leave(Exception):
    """The session ends: `* BYE` with this text, unless it is empty."""

    def __init__(self, ending: Ending, text: str, code: str = "") -> None:
        super().__init__(text)
        self.ending = ending
        self.text = text
        self.code = code


@dataclass(slots=True)
class Session:
    """Commands read and change it; `server.py` alone drives it."""

    connection: Connection
    backend: Backend
    protocol: Protocol
    state: State = field(default_factory=NotAuthenticated)
    tag: bytes = b""  # of the command at work
    dialect: Dialect = field(default_factory=Dialect)
    watch: Watch | None = None
    stale: bool = False  # the selected mailbox may have changed since the view was brought up to date
    idling: bool = False
    keywords: Keywords = field(default_factory=Keywords)  # of the selected mailbox
    rights: Rights = ALL  # in the selected mailbox
    expunged: bool = False  # the command at work has expunged messages
    live: LiveSession | None = None  # once somebody has logged in
    seat: Seat | None = None  # among the connections of its account
    revoked: bool = False
    told: set[int] = field(default_factory=set)  # modseqs of own flag changes, see View.apply
    saved: "array[int]" = field(default_factory=lambda: array("I"))  # UIDs that the last search with SAVE found (RFC 5182)
    notify: Notifying = field(default_factory=Notifying)
    waiting: list[bytes] = field(default_factory=list)
    waiting_size: int = 0

    # ---- state

    @property
    def account(self) -> Account:
        """Only where a command is legal that needs one."""
        assert isinstance(self.state, Authenticated | Selected)
        return self.state.account

    @property
    def selected(self) -> Selected:
        assert isinstance(self.state, Selected)
        return self.state

    @property
    def scope(self) -> Scope:
        """What numbers mean in the selected mailbox."""
        return Scope(self.selected.view, self.saved)

    def require_writable(self) -> Selected:
        """The selected mailbox. Raises Refused(NOT_PERMITTED) after EXAMINE."""
        if self.selected.read_only:
            raise Refused(Failure.NOT_PERMITTED, "mailbox is open read-only")
        return self.selected

    def allow(self, needs: str) -> None:
        """Raises Refused(NOT_PERMITTED) unless these rights are there in the selected mailbox (RFC 4314 §4)."""
        if not self.rights >= set(needs):
            raise Refused(Failure.NOT_PERMITTED, f"that needs the rights {needs}")

    def open(self, opened: Opened, rights: Rights, *, read_only: bool) -> Selected:
        """Enter the selected state and watch the mailbox."""
        mailbox = opened.mailbox
        view = View(opened.uids, mailbox.highest_modseq, mailbox.uidnext)
        self.rights = rights
        selected = Selected(self.account, mailbox.account_id, mailbox.mailbox_id, mailbox.uidvalidity, read_only, view)
        self.state = advance(self.state, Event.OPENED, selected)
        self.watch = self.backend.watcher.watch(mailbox.account_id, mailbox.mailbox_id, view.modseq, self.wake)
        self.stale = False
        self.keywords = Keywords(opened.keywords)
        self.saved = array("I")  # RFC 5182 §2.1
        self.notify.flags_since = None
        return selected

    def leave_mailbox(self) -> None:
        """Back to the authenticated state; from there, nothing happens."""
        self.stop_watching()
        if isinstance(self.state, Selected):
            self.state = advance(self.state, Event.LEFT, Authenticated(self.state.account))
        self.told.clear()
        self.notify.made.clear()

    def revoke(self) -> None:
        """What let this session in is good no more: it ends as soon as it waits for its client."""
        self.revoked = True
        self.connection.wake()

    def leave_if_revoked(self) -> None:
        """Raises Leave."""
        if self.revoked:
            raise Leave(Ending.REVOKED, "this log-in is good no more, please log in again")

    def stop_watching(self) -> None:
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.close()

    def wake(self) -> None:
        """The selected mailbox may have moved on."""
        self.stale = True
        if self.idling or self.notify.group is not None:
            self.connection.wake()

    def wake_for_account(self, mailbox_id: int | None) -> None:
        """The account may have moved on; of messages in the selected mailbox `wake` tells."""
        if mailbox_id is None or not isinstance(self.state, Selected) or self.state.mailbox_id != mailbox_id:
            self.notify.stale = True
            self.connection.wake()

    # ---- what changed

    def changed_flags(self, result: StoreResult, *, silent: bool = False) -> None:
        """The session changed flags itself, and the command tells its client; or the client knows, when it is `silent`."""
        view = self.selected.view
        if not result.changed:
            self.stale = self.stale or result.modseq > view.modseq
        elif view.follows(result.modseq):
            self.told.add(result.modseq)
            if self.watch is not None:
                self.watch.seen(result.modseq)
        else:
            # Others came between. Of what they did to these very messages a silent STORE has not told: RFC 9051 §6.4.6.
            if not silent:
                self.told.add(result.modseq)
            self.stale = True

    def new_keywords(self, rows: Iterable[FlagRow]) -> bytes:
        """What to tell before the client meets, on these messages, keywords that it has not heard of (RFC 9051 §7.3.5)."""
        if not self.keywords.learn(row.flags for row in rows):
            return b""
        return self.flags_lines()

    def flags_lines(self) -> bytes:
        """FLAGS and PERMANENTFLAGS, as the client's rights are (RFC 4314 §5.1.1)."""
        return response.keyword_lines(self.keywords, flags(self.rights), read_only=self.selected.read_only)

    async def check_rights(self) -> None:
        """In another's mailbox that may have changed: a change of rights is one (see `store.sharing`).

        Raises Leave when it may not be read any more (RFC 4314 §5.1.1), and Refused(UNAVAILABLE).
        """
        if not isinstance(self.state, Selected) or self.state.owner_id == self.account.account_id:
            return
        state = self.state
        rights = parse(await self.backend.sharing.rights(state.account.reader, state.owner_id, state.mailbox_id))
        if "r" not in rights:
            raise Leave(Ending.MAILBOX_GONE, "the selected mailbox is not yours to read any more")
        before, self.rights = self.rights, rights
        if flags(before) != flags(rights):
            await self.send(self.flags_lines())

    async def catch_up(self, *, expunge: bool, look: bool = False) -> list[int]:
        """Tell the client what changed in its mailbox, if anything may have; with `look`, find out. The UIDs that are new to it.

        Without `expunge`, no sequence number may change (RFC 9051 §7.5.1). Raises Leave when the mailbox is gone, or what was
        expunged since the last look can no longer be told, and Refused(UNAVAILABLE).
        """
        arrived: list[int] = []
        if not isinstance(self.state, Selected):
            return arrived
        state, view = self.state, self.state.view
        if self.stale or look:
            self.stale = False
            try:
                delta = await self.backend.changes.since(
                    state.owner_id, state.mailbox_id, view.modseq, known_uidnext=view.uidnext
                )
            except Refused as refused:
                if refused.failure is Failure.NO_SUCH_MAILBOX:
                    raise Leave(Ending.MAILBOX_GONE, "the selected mailbox was deleted") from refused
                self.stale = True
                raise
            if not delta.complete:
                raise Leave(Ending.OUTDATED, "this session was asleep for too long, please select the mailbox again")
            before = view.modseq
            untagged = view.apply(delta, expunge=expunge, told=self.told)
            if not self.notify.wants_flags:
                untagged = [item for item in untagged if not isinstance(item, FlagsChanged)]
                self.notify.flags_since = before if self.notify.flags_since is None else self.notify.flags_since
            arrived = [row.uid for row in delta.arrived]
            if self.watch is not None:
                self.watch.seen(view.modseq)
            await self.send(self.new_keywords((*delta.arrived, *delta.changed)) + response.untagged(untagged, self.dialect))
        elif expunge and (released := view.release()):
            await self.send(response.untagged([released], self.dialect))
        self.told.clear()
        return arrived

    # ---- octets

    async def send(self, data: bytes) -> None:
        """Raises Disconnected, or SlowReader."""
        if not data:
            return
        self.waiting.append(data)
        self.waiting_size += len(data)
        if self.waiting_size >= FLUSH:
            await self.flush()

    async def send_pieces(self, pieces: list[bytes]) -> None:
        """As `send`, of what need not be joined before all of it is."""
        self.waiting += pieces
        self.waiting_size += sum(map(len, pieces))
        if self.waiting_size >= FLUSH:
            await self.flush()

    async def flush(self) -> None:
        if self.waiting:
            data = self.waiting[0] if len(self.waiting) == 1 else b"".join(self.waiting)
            self.waiting.clear()
            self.waiting_size = 0
            await self.connection.write(data)

    async def read_line(self, limit: int) -> bytes:
        """The client's next line, which is no command. Raises Bad when it is too long, and Leave at the end of input."""
        while True:
            line = self.protocol.next_line(limit)
            if isinstance(line, BadCommand):
                raise Bad(line.text)
            if line is not None:
                return line
            await self.flush()
            await self.read()

    async def read(self) -> None:
        """Hand what arrives to the protocol."""
        data = await self.connection.read()
        if not data:
            self.hang_up()
        self.protocol.feed(data)

    def hang_up(self) -> NoReturn:
        raise Leave(Ending.DISCONNECTED, "")
