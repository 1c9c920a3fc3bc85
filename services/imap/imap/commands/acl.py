"""SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §3).

An identifier is the address of an account of the owner's tenant, or `anyone`: all accounts of that tenant. The owner has all
rights always. There are no negative rights (§2: they are not required).
"""

from imap import rights as right
from imap.commands.list import my_rights_line
from imap.commands.places import Place, find, reader
from imap.grammar.requests import DeleteAcl, GetAcl, ListRights, MyRights, SetAcl
from imap.response import Reply, no, ok
from imap.rights import Rights, UnknownRight
from imap.session import Bad, Session
from mailstead.model.failure import Failure, Refused
from mailstead.ops.logging import get_logger
from mailstead.store.sharing import ANYONE, EVERYBODY, Reader
from mailstead.wire.imap_strings import astring

log = get_logger()

NOBODY = no("there is nobody of that name here", "CANNOT")  # be it an account of another tenant
NEGATIVE = no("rights are given, and not taken away from those that others give: there are no negative rights", "CANNOT")
OWNER = no("the owner has all rights always", "CANNOT")


async def set_acl(session: Session, request: SetAcl) -> Reply:
    try:
        right.changed(right.NONE, request.rights)
    except UnknownRight as error:
        raise Bad(str(error)) from error
    return await _change(session, request.mailbox, request.identifier, request.rights)


async def delete_acl(session: Session, request: DeleteAcl) -> Reply:
    return await _change(session, request.mailbox, request.identifier, "")


async def _change(session: Session, mailbox: str, identifier: str, modification: str) -> Reply:
    place = await find(session, mailbox, "a")
    grantee = await _grantee(session, place, identifier)
    if isinstance(grantee, Reply):
        return grantee

    def of(letters: str) -> str:
        return right.stored(right.changed(right.parse(letters), modification))

    owner = Reader(place.owner_id, session.account.tenant_id)
    await session.backend.sharing.change(owner, place.mailbox.mailbox_id, grantee, of)
    log.info(
        "rights changed",
        account=session.account.address,
        owner_id=place.owner_id,
        mailbox_id=place.mailbox.mailbox_id,
        grantee=identifier,
        rights=modification,
    )
    return ok("so it is")


async def _grantee(session: Session, place: Place, identifier: str) -> int | Reply:
    """The number of who is meant, or why nobody is."""
    if identifier == ANYONE:
        return EVERYBODY
    if identifier.startswith("-"):
        return NEGATIVE
    account_id = await session.backend.sharing.account(reader(session), identifier.lower())
    if account_id is None:
        return NOBODY
    return OWNER if account_id == place.owner_id else account_id


async def get_acl(session: Session, request: GetAcl) -> Reply:
    place = await find(session, request.mailbox, "a")
    sharing = session.backend.sharing
    owner = await sharing.address(place.owner_id)
    entries = [(owner, right.ALL)]
    entries += [(who, right.parse(letters)) for who, letters in await sharing.acl(place.owner_id, place.mailbox.mailbox_id)]
    told = b" ".join(_pair(who, rights) for who, rights in entries)
    await session.send(b"* ACL %b %b\r\n" % (session.dialect.mailbox(place.shown.name), told))
    return ok("told")


def _pair(who: str, rights: Rights) -> bytes:
    return astring(who.encode()) + b" " + right.written(rights).encode()


async def list_rights(session: Session, request: ListRights) -> Reply:
    place = await find(session, request.mailbox, "a")
    grantee = await _grantee(session, place, request.identifier)
    if isinstance(grantee, Reply) and grantee is not OWNER:
        return grantee
    told = right.written(right.ALL) if grantee is OWNER else right.grantable()
    name, identifier = session.dialect.mailbox(place.shown.name), astring(request.identifier.encode())
    await session.send(b"* LISTRIGHTS %b %b %b\r\n" % (name, identifier, told.encode()))
    return ok("told")


async def my_rights(session: Session, request: MyRights) -> Reply:
    place = await find(session, request.mailbox)
    if not place.rights & right.ANY_OF:
        raise Refused(Failure.NO_SUCH_MAILBOX, "no right to ask for rights")
    await session.send(my_rights_line(session.dialect, place.shown.name, place.rights))
    return ok("told")
