"""What a client that has used NOTIFY is told of mailboxes but the selected one (RFC 5465 §5). Pure: states in, notices out.

There is no queue of events: what is told is how an account differs from what was told last. So memory is bounded by what an
account has, whatever happens in it, events that came together are told together, and one that was lost is told with the next.

What the client itself did to names, subscriptions and annotations is noted at once, and so is no difference; nor are messages
that it brought to a mailbox, unless others came between.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imap.grammar.events import MESSAGE_EVENTS, EventGroup, MailEvent
from imap.grammar.requests import StatusItem
from imap.grammar.sources import OF_SELECTED, SourceKind
from imap.listing import Listed
from imap.mailbox_sets import covers, parent
from imap.namespaces import OTHERS, PREFIX
from mailstead.store.mailbox_row import SEPARATOR, Mailbox
from mailstead.store.metadata import THE_ACCOUNT, Digests, digest

_LISTED = frozenset({MailEvent.MAILBOX_NAME, MailEvent.SUBSCRIPTION_CHANGE})
_ANNOTATED = frozenset({MailEvent.MAILBOX_METADATA_CHANGE, MailEvent.SERVER_METADATA_CHANGE})


@dataclass(frozen=True, slots=True)
class Interest:
    """What a client wants to hear of. No groups: nothing, as after NOTIFY NONE."""

    groups: tuple[EventGroup, ...] = ()

    @property
    def selected(self) -> EventGroup | None:
        """What is wanted of the selected mailbox; None when nothing is (RFC 5465 §3.1)."""
        return next((group for group in self.groups if group.source.kind in OF_SELECTED and group.events), None)

    @property
    def of_account(self) -> frozenset[MailEvent]:
        """All that is wanted of any mailbox by name, or of the account itself."""
        return frozenset().union(*(group.events for group in self.groups if group.source.kind not in OF_SELECTED))

    @property
    def of_names(self) -> bool:
        """Whether it takes knowing all subscriptions."""
        return bool(self.of_account & _LISTED) or any(group.source.kind is SourceKind.SUBSCRIBED for group in self.groups)

    @property
    def of_others(self) -> bool:
        """Whether it may be about mailboxes of others."""
        return any(
            group.source.kind is SourceKind.SUBSCRIBED
            or any(name == OTHERS or name.startswith(PREFIX) for name in group.source.names)
            for group in self.groups
        )

    @property
    def of_annotations(self) -> bool:
        return bool(self.of_account & _ANNOTATED)

    def of(self, name: str, *, subscribed: bool) -> frozenset[MailEvent]:
        """What is wanted of a mailbox that is not selected: all that any group says."""
        return frozenset().union(*(group.events for group in self.groups if covers(group.source, name, subscribed=subscribed)))


@dataclass(slots=True)
class AccountState:
    """An account as its client knows it. Empty when nobody wants to know: then nothing is noted."""

    mailboxes: dict[int, Mailbox] = field(default_factory=dict)  # under the names that the client knows them by
    unreadable: frozenset[int] = frozenset()  # those of others that may be listed, and no more
    subscriptions: set[str] = field(default_factory=set)
    annotations: Digests = field(default_factory=dict)

    def created(self, mailbox: Mailbox) -> None:
        if self.mailboxes:
            self.mailboxes[mailbox.mailbox_id] = mailbox

    def deleted(self, mailbox_id: int) -> None:
        self.mailboxes.pop(mailbox_id, None)

    def renamed(self, old: str, new: str) -> None:
        for mailbox_id, mailbox in self.mailboxes.items():
            if mailbox.name == old or mailbox.name.startswith(old + SEPARATOR):
                self.mailboxes[mailbox_id] = replace(mailbox, name=new + mailbox.name[len(old) :])

    def filled(self, mailbox_id: int, uids: Sequence[int], unseen: int | None = None) -> None:
        """The client brought messages, `unseen` of them not seen, if that is known. Noted where they follow on what was known."""
        mailbox = self.mailboxes.get(mailbox_id)
        if mailbox is not None and uids and mailbox.uidnext == uids[0]:
            self.mailboxes[mailbox_id] = replace(
                mailbox,
                messages=mailbox.messages + len(uids),
                uidnext=uids[-1] + 1,
                unseen=mailbox.unseen + (unseen or 0),
                highest_modseq=mailbox.highest_modseq + 1,
            )

    def subscribed(self, name: str, on: bool) -> None:
        if on and self.mailboxes:
            self.subscriptions.add(name)
        else:
            self.subscriptions.discard(name)

    def annotated(self, mailbox_id: int | None, changes: Mapping[str, bytes | None]) -> None:
        if not self.mailboxes:
            return
        for entry, value in changes.items():
            key = (mailbox_id or THE_ACCOUNT, entry)
            if value is None:
                self.annotations.pop(key, None)
            else:
                self.annotations[key] = digest(value)


@dataclass(frozen=True, slots=True)
class ListNotice:
    """An unsolicited LIST."""

    listed: Listed


@dataclass(frozen=True, slots=True)
class StatusNotice:
    """An unsolicited STATUS."""

    mailbox: Mailbox
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class MetadataNotice:
    """An unsolicited METADATA, which names entries only (RFC 5464 §4.4.2). An empty name is the account itself."""

    name: str
    entries: tuple[str, ...]


Notice = ListNotice | StatusNotice | MetadataNotice


def first_statuses(interest: Interest, now: AccountState, *, selected: int | None) -> Iterator[StatusNotice]:
    """The answers to NOTIFY SET STATUS (RFC 5465 §3.1)."""
    for mailbox in _by_name(now):
        events = _wanted(interest, now, mailbox.name)
        if mailbox.mailbox_id == selected or mailbox.mailbox_id in now.unreadable or not events & MESSAGE_EVENTS:
            continue
        items = [StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY]
        if MailEvent.FLAG_CHANGE in events:
            items += [StatusItem.UNSEEN, StatusItem.HIGHESTMODSEQ]
        yield StatusNotice(mailbox, tuple(items))


def inaccessible(interest: Interest, now: AccountState) -> Iterator[ListNotice]:
    """Mailboxes of which there is nothing to tell for want of rights (RFC 5465 §3.1)."""
    for mailbox in _by_name(now):
        if mailbox.mailbox_id in now.unreadable and _wanted(interest, now, mailbox.name) & MESSAGE_EVENTS:
            yield ListNotice(Listed(mailbox.name, ("\\NoAccess",), mailbox))


def notices(
    interest: Interest, before: AccountState, now: AccountState, *, selected: int | None, condstore: bool
) -> Iterator[Notice]:
    """How `now` differs from `before`, as far as it is wanted. Of messages in the `selected` mailbox nothing is told here."""
    yield from _names(interest, before, now)
    yield from _annotations(interest, before, now)
    known = {mailbox.name: mailbox for mailbox in before.mailboxes.values()}
    for mailbox in _by_name(now):
        earlier = before.mailboxes.get(mailbox.mailbox_id) or known.get(mailbox.name)
        if mailbox.mailbox_id == selected or mailbox.mailbox_id in now.unreadable:
            continue
        events = _wanted(interest, now, mailbox.name)
        items = _begun(events, condstore) if earlier is None else _changed(earlier, mailbox, events, condstore)
        if items:
            yield StatusNotice(mailbox, items)


def _by_name(state: AccountState) -> list[Mailbox]:
    return sorted(state.mailboxes.values(), key=lambda mailbox: mailbox.name)


def _wanted(interest: Interest, state: AccountState, name: str) -> frozenset[MailEvent]:
    return interest.of(name, subscribed=name in state.subscriptions)


def _begun(events: frozenset[MailEvent], condstore: bool) -> tuple[StatusItem, ...]:
    """Of a new mailbox. The client may know another that had its name: the UIDVALIDITY is told (RFC 5465 §5.1)."""
    if MailEvent.FLAG_CHANGE not in events:
        return ()
    items = (StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY)
    return (*items, StatusItem.HIGHESTMODSEQ) if condstore else items


def _changed(earlier: Mailbox, now: Mailbox, events: frozenset[MailEvent], condstore: bool) -> tuple[StatusItem, ...]:
    """RFC 5465 §5.1 to §5.3."""
    if not events & MESSAGE_EVENTS:
        return ()
    items: list[StatusItem] = []
    flags = MailEvent.FLAG_CHANGE in events
    counts = (earlier.messages, earlier.uidnext) != (now.messages, now.uidnext)
    another = earlier.uidvalidity != now.uidvalidity
    if counts or another:
        items += [StatusItem.MESSAGES, StatusItem.UIDNEXT]
    if another or (flags and condstore and earlier.highest_modseq != now.highest_modseq):
        items.append(StatusItem.UIDVALIDITY)
    if flags and earlier.unseen != now.unseen:
        items.append(StatusItem.UNSEEN)
    if condstore and (items or flags) and earlier.highest_modseq != now.highest_modseq:
        items.append(StatusItem.HIGHESTMODSEQ)
    return tuple(items)


def _names(interest: Interest, before: AccountState, now: AccountState) -> Iterator[ListNotice]:
    """RFC 5465 §5.4 and §5.5; a name is told once, whatever happened to it."""
    affected = _renamed(before, now)
    came_or_gone = before.mailboxes.keys() ^ now.mailboxes.keys()
    for mailbox_id in came_or_gone:
        name = (now.mailboxes.get(mailbox_id) or before.mailboxes[mailbox_id]).name
        for each in filter(None, (name, parent(name))):
            affected.setdefault(each, None)
    subscribed = before.subscriptions ^ now.subscriptions
    existing = {mailbox.name: mailbox for mailbox in now.mailboxes.values()}
    for name in sorted(affected.keys() | subscribed):
        old = affected.get(name)
        wanted = interest.of(name, subscribed=name in before.subscriptions | now.subscriptions)
        if old is not None:
            wanted |= _wanted(interest, before, old)
        if (name in affected and MailEvent.MAILBOX_NAME in wanted) or (
            name in subscribed and MailEvent.SUBSCRIPTION_CHANGE in wanted
        ):
            yield ListNotice(_listed(name, existing, now.subscriptions, old))


def _renamed(before: AccountState, now: AccountState) -> dict[str, str | None]:
    """New name -> old name; what merely lies below a renamed mailbox is not told (RFC 5465 §5.4)."""
    moved = {
        mailbox.name: now.mailboxes[mailbox_id].name
        for mailbox_id, mailbox in before.mailboxes.items()
        if mailbox_id in now.mailboxes and now.mailboxes[mailbox_id].name != mailbox.name
    }
    return {new: old for old, new in moved.items() if not _went_along(old, new, moved)}


def _went_along(old: str, new: str, moved: Mapping[str, str]) -> bool:
    above = parent(old)
    while above:
        if above in moved:
            return new == moved[above] + old[len(above) :]
        above = parent(above)
    return False


def _listed(name: str, existing: Mapping[str, Mailbox], subscriptions: set[str], old: str | None) -> Listed:
    mailbox = existing.get(name)
    attributes = [] if mailbox is not None else ["\\NonExistent"]
    below = name + SEPARATOR
    attributes.append("\\HasChildren" if any(other.startswith(below) for other in existing) else "\\HasNoChildren")
    if name in subscriptions:
        attributes.append("\\Subscribed")
    if mailbox is not None and mailbox.special_use:
        attributes.append(mailbox.special_use)
    return Listed(name, tuple(attributes), mailbox, old_name=old)


def _annotations(interest: Interest, before: AccountState, now: AccountState) -> Iterator[MetadataNotice]:
    """RFC 5465 §5.6 and §5.7; those of a mailbox that is gone went with it."""
    changed: dict[int, list[str]] = {}
    for key in sorted(before.annotations.keys() | now.annotations.keys()):
        if before.annotations.get(key) != now.annotations.get(key):
            changed.setdefault(key[0], []).append(key[1])
    of_account = changed.pop(THE_ACCOUNT, [])
    if of_account and MailEvent.SERVER_METADATA_CHANGE in interest.of_account:
        yield MetadataNotice("", tuple(of_account))
    for mailbox_id, entries in changed.items():
        mailbox = now.mailboxes.get(mailbox_id)
        if mailbox is not None and MailEvent.MAILBOX_METADATA_CHANGE in _wanted(interest, now, mailbox.name):
            yield MetadataNotice(mailbox.name, tuple(entries))
