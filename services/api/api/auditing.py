"""Every request that changes something, or reads another's mail, is in the audit log before it is carried out, and its outcome
after (`store/audit.py`).

A request that cannot be logged is not carried out. What is logged of a thing is what the API shows of it, without `SECRETS`.
"""

from typing import Any
from uuid import UUID

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

from api.callers import Caller, tenant_of
from api.errors import STATUS
from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store.audit import Audit
from mailstead.store.reach import Reach

READS = frozenset({"GET", "HEAD"})
# What reads private things.
MAIL = frozenset(
    {
        "list_mailboxes",
        "get_mailbox",
        "list_messages",
        "get_message",
        "get_message_content",
        "list_deleted_messages",
        "export_account",
        "export_mailbox",
    }
)
SECRETS = frozenset({"codes", "password", "key", "token", "secret", "uri"})  # fields that are never logged
LONG = frozenset({"rows"})  # fields that are too much
MAX_AFTER = 64 * 1024  # octets of an answer that is looked into

log = get_logger()


class Entry:
    """One request that changes something."""

    def __init__(self, audit: Audit, entry_id: UUID) -> None:
        self._audit = audit
        self._entry_id = entry_id
        self.before: dict[str, Any] | None = None

    async def answered(self, response: Response) -> None:
        """Log what was made of the thing."""
        shown = response.media_type == "application/json" or response.headers.get("content-type") == "application/json"
        after = orjson.loads(response.body) if shown and response.body and len(response.body) <= MAX_AFTER else None
        await self._close(response.status_code, without_secrets(after) if isinstance(after, dict) else None)

    async def failed(self, error: BaseException) -> None:
        """Log that nothing was."""
        self.before = None
        await self._close(int(STATUS[error.failure][0]) if isinstance(error, Refused) else 500, None)

    async def _close(self, status: int, after: dict[str, Any] | None) -> None:
        tenant_id = after.get("tenant_id") if after else None
        try:
            await self._audit.answered(self._entry_id, status, tenant_id, self.before, after)
        except Refused as refused:
            log.error("cannot log an outcome", entry=str(self._entry_id), status=status, reason=refused.detail)


async def begin(request: Request, audit: Audit, reach: Reach, caller: Caller, trace_id: str) -> None:
    """Log a request that changes something, or reads the mail of another.

    Raises Refused(UNAVAILABLE): then it must not be carried out.
    """
    pries = caller.account_id is None and request.scope["route"].name in MAIL
    if request.method in READS and not pries:
        return
    tenant_id = caller.tenant_id if caller.tenant_id is not None else await tenant_of(reach, request.path_params)
    action: str = request.scope["route"].name
    entry_id = await audit.asked(tenant_id, caller.name, action, request.url.path, trace_id)
    request.state.audit = Entry(audit, entry_id)


def note_before(request: Request, shown: BaseModel) -> None:
    """What the thing is that is about to be changed."""
    entry: Entry | None = getattr(request.state, "audit", None)
    if entry is not None:
        entry.before = without_secrets(shown.model_dump(mode="json"))


def without_secrets(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in SECRETS | LONG}
