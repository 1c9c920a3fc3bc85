"""Addresses that stand for others: aliases, groups and catch-alls. Looking them up for mail is `directory.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from mailstead.model.failure import Failure, Refused
from mailstead.store.address_holders import AddressTaken, Holder, taken
from mailstead.store.engine import Connection, Database
from mailstead.store.schema import addresses, domains
from mailstead.store.statements import run

_ALIAS = (addresses.c.address, addresses.c.kind, addresses.c.targets, addresses.c.members_only, addresses.c.active)


@dataclass(frozen=True, slots=True)
class AliasRow:
    """`address` is local-part@domain, or @domain for whatever is not otherwise there. `is_group`: a list of members."""

    address: str
    is_group: bool
    targets: tuple[str, ...]
    members_only: bool
    active: bool


class Aliases:
    """Each method is one transaction. Besides what they name, all raise Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        address: str,
        targets: Sequence[str],
        *,
        is_group: bool = False,
        members_only: bool = False,
        tenant_id: int | None = None,
    ) -> AliasRow:
        """`address` in lower case; `tenant_id`: its domain must be of that tenant.

        Raises AddressTaken, or Refused: NO_SUCH_DOMAIN, DELETED when its domain is.
        """
        domain_name = address.rpartition("@")[2]

        async def work(connection: Connection) -> AliasRow:
            found = await run(connection, select(domains).where(domains.c.name == domain_name))
            if not found or tenant_id not in (None, found[0]["tenant_id"]):
                raise Refused(Failure.NO_SUCH_DOMAIN, f"no domain {domain_name}")
            if found[0]["deleted_at"] is not None:
                raise Refused(Failure.DELETED, f"domain {domain_name} is deleted")
            if found[0]["alias_of"] is not None:
                raise AddressTaken(address, Holder.ALIAS_DOMAIN)
            values = {
                "address": address,
                "tenant_id": found[0]["tenant_id"],
                "domain_id": found[0]["domain_id"],
                "kind": "group" if is_group else "alias",
                "targets": list(targets),
                "members_only": members_only,
            }
            made = await run(connection, upsert(addresses).values(**values).on_conflict_do_nothing().returning(*_ALIAS))
            if not made:
                raise await taken(connection, address)
            return _row(made[0])

        return await self._database.transact("create alias", work)

    async def list(
        self, limit: int, after: str = "", domain: str | None = None, *, tenant_id: int | None = None, active: bool | None = None
    ) -> Sequence[AliasRow]:
        """In the order of addresses; `after` is the last of the page before."""
        statement = select(*_ALIAS).where(addresses.c.kind != "account", addresses.c.address > after)
        if domain is not None:
            statement = statement.join_from(addresses, domains).where(domains.c.name == domain.lower())
        if tenant_id is not None:
            statement = statement.where(addresses.c.tenant_id == tenant_id)
        if active is not None:
            statement = statement.where(addresses.c.active == active)
        async with self._database.connection("list aliases") as connection:
            return [_row(row) for row in await run(connection, statement.order_by(addresses.c.address).limit(limit))]

    async def get(self, address: str) -> AliasRow:
        """Raises Refused(NO_SUCH_ACCOUNT)."""
        async with self._database.connection("get alias") as connection:
            rows = await run(connection, select(*_ALIAS).where(_is_alias(address)))
        return _one(address, rows)

    async def update(
        self,
        address: str,
        *,
        targets: Sequence[str] | None = None,
        members_only: bool | None = None,
        active: bool | None = None,
        expect: Callable[[AliasRow], None] | None = None,
    ) -> AliasRow:
        """Change what is not None; `expect` is called with the alias as it is, locked, and may raise Refused.

        Raises Refused: NO_SUCH_ACCOUNT; CONFLICT where members only is asked of what is no group."""
        given = {"targets": targets and [*targets], "members_only": members_only, "active": active}

        async def work(connection: Connection) -> AliasRow:
            rows = await run(connection, select(*_ALIAS).where(_is_alias(address)).with_for_update())
            if expect:
                expect(_one(address, rows))
            if members_only and not _one(address, rows).is_group:
                raise Refused(Failure.CONFLICT, f"{address} is no group")
            values = {name: value for name, value in given.items() if value is not None}
            return _one(
                address, await run(connection, update(addresses).where(_is_alias(address)).values(**values).returning(*_ALIAS))
            )

        return await self._database.transact("update alias", work)

    async def delete(self, address: str, expect: Callable[[AliasRow], None] | None = None) -> None:
        """`expect` as in `update`. Raises Refused(NO_SUCH_ACCOUNT)."""

        async def work(connection: Connection) -> None:
            gone = _one(address, await run(connection, delete(addresses).where(_is_alias(address)).returning(*_ALIAS)))
            if expect:
                expect(gone)

        await self._database.transact("delete alias", work)


def _is_alias(address: str) -> ColumnElement[bool]:
    return (addresses.c.address == address.lower()) & (addresses.c.kind != "account")


def _one(address: str, rows: Sequence[asyncpg.Record]) -> AliasRow:
    if not rows:
        raise Refused(Failure.NO_SUCH_ACCOUNT, f"no alias {address}")
    return _row(rows[0])


def _row(row: asyncpg.Record) -> AliasRow:
    return AliasRow(row["address"], row["kind"] == "group", tuple(row["targets"]), row["members_only"], row["active"])
