"""Finding the mailbox that a client names, its own or another's, and seeing to the rights that a command needs (RFC 4314 §4).

What somebody has no right to know of is not there: the answer is the one for a mailbox that does not exist (§6). Statements are
always about the account that owns the mailbox.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from imap import rights as right
from imap.namespaces import name_of, others
from imap.rights import ALL, Rights
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.store.mailbox_row import Mailbox, levels_above, no_such_mailbox
from mailstead.store.mailboxes import Opened
from mailstead.store.sharing import Reader, SharedMailbox


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox, and what the session may do in it. `mailbox` is as its owner has it, `name` as the client calls it."""

    mailbox: Mailbox
    name: str
    rights: Rights
    own: bool

    @property
    def owner_id(self) -> int:
        return self.mailbox.account_id

    @property
    def root(self) -> bytes:
        """The quota root: of another's mailboxes its address."""
        named = None if self.own else others(self.name)
        return b"" if named is None else named.owner.encode()

    @property
    def shown(self) -> Mailbox:
        """For answers. What others use a mailbox for says nothing to this client (RFC 6154)."""
        return self.mailbox if self.own else replace(self.mailbox, name=self.name, special_use=None)


def reader(session: Session) -> Reader:
    return session.account.reader


async def find(session: Session, name: str, needs: str = "") -> Place:
    """The mailbox of this name. Raises Refused: NO_SUCH_MAILBOX, NOT_PERMITTED."""
    named = others(name)
    if named is None or named.owner == session.account.address:
        own = name if named is None else named.name
        return Place(await session.backend.mailboxes.get(session.account.account_id, own), name, ALL, own=True)
    found = await session.backend.sharing.find(reader(session), named.owner, [named.name])
    if found is None:
        raise no_such_mailbox(name)
    place = shared(found)
    allow(place.rights, needs, name)
    return place


async def open_place(session: Session, name: str, needs: str) -> tuple[Opened, Place]:
    """As `find`, with what SELECT needs; of one's own mailbox by one statement."""
    named = others(name)
    if named is None:
        opened = await session.backend.mailboxes.open(session.account.account_id, name)
        return opened, Place(opened.mailbox, name, ALL, own=True)
    place = await find(session, name, needs)
    opened = await session.backend.mailboxes.open(place.owner_id, place.mailbox.name)
    if opened.mailbox.mailbox_id != place.mailbox.mailbox_id:
        raise no_such_mailbox(name)  # renamed meanwhile: rights are of a mailbox, not of a name
    return opened, replace(place, mailbox=opened.mailbox)


async def place_to_fill(session: Session, name: str) -> tuple[int, str, Rights]:
    """(owner, its own name, rights) of the mailbox that APPEND fills; one's own is not looked up.

    Raises Refused: NO_SUCH_MAILBOX, NOT_PERMITTED.
    """
    named = others(name)
    if named is None:
        return session.account.account_id, name, ALL
    place = await find(session, name, "i")
    return place.owner_id, place.mailbox.name, place.rights


def shared(found: SharedMailbox) -> Place:
    return Place(found.mailbox, name_of(found.owner, found.mailbox.name), right.parse(found.rights), own=False)


def allow(rights: Rights, needs: str, name: str) -> None:
    """Raises Refused: NOT_PERMITTED, or NO_SUCH_MAILBOX to who may not even know of it."""
    if not rights or (not rights >= set(needs) and "l" not in rights):
        raise no_such_mailbox(name)
    if not rights >= set(needs):
        raise Refused(Failure.NOT_PERMITTED, f"{name!r} needs the rights {needs}")


async def new_place(session: Session, name: str) -> tuple[int, str]:
    """(owner, its own name) for a mailbox that is to be made: the nearest one above must allow it.

    Raises Refused(NOT_PERMITTED).
    """
    named = others(name)
    if named is None or named.owner == session.account.address:
        return session.account.account_id, name if named is None else named.name
    above = levels_above(named.name) if named.name else []
    found = await session.backend.sharing.find(reader(session), named.owner, above)
    if found is None or "k" not in right.parse(found.rights):
        # One answer for all: whether there is such an account, and what it has, is nobody's business.
        raise Refused(Failure.NOT_PERMITTED, f"nothing above {name!r} allows it")
    return found.mailbox.account_id, named.name


async def visible(session: Session, needs: Iterable[str] = "l") -> list[Place]:
    """Mailboxes of others that the session may know of, by owner and name; `subscribed` is not filled in."""
    places = map(shared, await session.backend.sharing.mailboxes(reader(session)))
    return [place for place in places if place.rights >= set(needs)]
