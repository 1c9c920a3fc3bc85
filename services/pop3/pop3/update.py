"""UPDATE: what DELE marked is deleted, in one transaction, and QUIT is answered (RFC 1939 §6)."""

from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from pop3.errors import UNEXPECTED
from pop3.protocol import Reply
from pop3.session import Session
from pop3.state import Closed, Ending, Event, Transaction, Update

log = get_logger()


async def update(session: Session, state: Transaction, farewell: Reply) -> None:
    """+OK means that the deletions are committed (promise D1).

    The maildrop is given back before that is said: a client may come again at once.
    """
    doomed = Update(state.account_id, state.address, state.mailbox_id, state.drop.doomed(), state.drop.last_uid)
    session.move(Event.QUIT, doomed)
    ending = Ending.UPDATE_FAILED
    try:
        if doomed.doomed or session.backend.settings.pop3_expire_days:
            session.backend.metrics.deleted.inc(await _remove(session, doomed))
        ending = Ending.QUIT
    except Refused as refused:
        log.warning("update failed", account=doomed.address, failure=refused.failure.value, reason=refused.detail)
    except Exception:
        log.exception("update failed unexpectedly", account=doomed.address)
    session.move(Event.SETTLED, Closed(ending))
    await session.release()
    await session.send((farewell if ending is Ending.QUIT else not_removed(len(doomed.doomed))).render())


async def _remove(session: Session, doomed: Update) -> int:
    if session.hold is None:
        raise RuntimeError("an update without a lease")
    return await session.backend.maildrops.remove(
        session.hold.lease,
        doomed.account_id,
        doomed.mailbox_id,
        doomed.doomed,
        actor=f"pop3 {doomed.address}",
        last_uid=doomed.last_uid,
        expire_days=session.backend.settings.pop3_expire_days,
    )


def not_removed(doomed: int) -> Reply:
    """The answer to QUIT when the store failed. Only if it failed in the very commit, they are gone all the same."""
    return Reply(False, f"{doomed} marked messages may not be deleted, try again later", UNEXPECTED.code)
