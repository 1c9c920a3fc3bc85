"""Who asks, and how far they reach: a caller of one tenant finds nothing of another's, as if it were not there.

What a path names is looked up before the route runs, in this one place: `PLACES` says whose each path parameter is. Lists and
what a body names are narrowed by the routes, with `Caller.tenant_id`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.schemas.common import MAX_ID
from api.scopes import Scope
from mailstead.model.failure import Failure, Refused
from mailstead.store.reach import Reach
from mailstead.store.sign_ins import SignedIn


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` is unique and lasts: for limits and logs. `tenant_id` is all that they reach; None: everything."""

    name: str
    scopes: frozenset[str]
    tenant_id: int | None = None
    account_id: int | None = None  # of an owner: all that they reach, by the routes that are open to owners

    def tenant(self, asked: int | None) -> int | None:
        """The tenant to narrow to: theirs, or the one asked for. Raises Refused(NO_SUCH_TENANT) for another's."""
        if self.tenant_id is None:
            return asked
        if asked not in (None, self.tenant_id):
            raise Refused(Failure.NO_SUCH_TENANT, f"{self.name} reaches tenant {self.tenant_id} only")
        return self.tenant_id


def caller_signed_in(person: SignedIn) -> Caller:
    """Operators may do all everywhere, administrators of a tenant all in it, owners what is open to them of their account."""
    name = f"account {person.address}"
    match person.role:
        case "operator":
            return Caller(name, frozenset({Scope.ADMIN}))
        case "tenant_admin":
            return Caller(name, frozenset({Scope.ADMIN}), person.tenant_id)
        case "owner":
            return Caller(name, frozenset(), person.tenant_id, person.account_id)


@dataclass(frozen=True, slots=True)
class Place:
    """What a path parameter names: how it is read, whose it is, and what is said where it is not there."""

    parse: Callable[[str], Any]
    tenant: Callable[[Reach, Any], Awaitable[int | None]]
    missing: Failure


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_ID:
        raise ValueError("no id")
    return number


async def _itself(_reach: Reach, tenant_id: int) -> int:
    return tenant_id


PLACES: dict[str, Place] = {
    "account_id": Place(_number, Reach.of_account, Failure.NO_SUCH_ACCOUNT),
    "domain": Place(str, Reach.of_domain, Failure.NO_SUCH_DOMAIN),
    "address": Place(str, Reach.of_address, Failure.NO_SUCH_ACCOUNT),
    "queue_id": Place(UUID, Reach.of_queued, Failure.NO_SUCH_MESSAGE),
    "suppression_id": Place(_number, Reach.of_suppression, Failure.NO_SUCH_ENTRY),
    "pause_id": Place(_number, Reach.of_queue_pause, Failure.NO_SUCH_ENTRY),
    "api_key_id": Place(_number, Reach.of_api_key, Failure.NO_SUCH_KEY),
    "rule_id": Place(UUID, Reach.of_delivery_rule, Failure.NO_SUCH_RULE),
    "webhook_id": Place(_number, Reach.of_webhook, Failure.NO_SUCH_ENTRY),
    "tenant_id": Place(_number, _itself, Failure.NO_SUCH_TENANT),
}


NARROWED = frozenset({"trace_id"})
"""What may be of several tenants at once: the routes show of it what is the caller's."""


async def tenant_of(reach: Reach, parameters: Mapping[str, str]) -> int | None:
    """Whose it is what a path names; None where it names nothing that is there."""
    for name, text in parameters.items():
        if name in PLACES:
            try:
                return await PLACES[name].tenant(reach, PLACES[name].parse(text))
            except ValueError:
                return None
    return None


async def require_reach(reach: Reach, caller: Caller, parameters: Mapping[str, str]) -> None:
    """Raises Refused, as if it were not there, for what is beyond the caller. What cannot be read is the route's to refuse."""
    if caller.tenant_id is None:
        return
    for name, text in parameters.items():
        place = PLACES.get(name)
        if place is None:
            continue  # the name of something within what another parameter names
        try:
            key = place.parse(text)
        except ValueError:
            continue
        if await place.tenant(reach, key) != caller.tenant_id:
            raise Refused(place.missing, f"{name} {text} is beyond {caller.name}")
