"""What is said of an address that is taken: what is in the way."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.errors import RefusedFor
from api.schemas.problem import FieldFault
from mailstead.store.address_holders import AddressTaken, Holder

IN_THE_WAY: dict[Holder, str] = {
    Holder.ACCOUNT: "This address is taken by an account.",
    Holder.DELETED_ACCOUNT: "This address is taken by an account that is deleted. Restore it, or erase it for good.",
    Holder.ALIAS: "This address is taken by an alias. Change that, or delete it.",
    Holder.GROUP: "This address is taken by a group. Change that, or delete it.",
    Holder.CATCH_ALL: "This domain has a catch-all. Change that, or delete it.",
    Holder.ALIAS_DOMAIN: "This domain is an alias of another, whose addresses it has.",
}


@contextmanager
def blame_what_has_it(field: str) -> Iterator[None]:
    """Within this `with`, an address that is taken names `field`, and what has it."""
    try:
        yield
    except AddressTaken as there:
        raise RefusedFor(there, FieldFault(where="body", field=field, detail=IN_THE_WAY[there.holder])) from there
