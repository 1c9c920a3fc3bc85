"""How large the tables are, as PostgreSQL estimates it: cheap however many rows there are."""

from dataclasses import dataclass

from mailstead.store.engine import Database

_SIZES = """
SELECT relname, pg_total_relation_size(c.oid) AS octets, greatest(reltuples, 0)::bigint AS rows,
       coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS dead
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND relkind = 'r' AND relname <> 'alembic_version' ORDER BY relname
"""
_OLDEST = """
SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8 AS seconds FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class TableSize:
    """Octets with indexes and TOAST; rows as of the last ANALYZE; dead ones since the last VACUUM."""

    table: str
    octets: int
    rows: int
    dead_rows: int


class Sizes:
    """Each method is one statement. Raises Refused(UNAVAILABLE)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tables(self) -> list[TableSize]:
        return [TableSize(*row) for row in await self._database.fetch("table sizes", _SIZES)]

    async def oldest_transaction(self) -> float:
        """Age in seconds of the transaction of ours that has been open longest; it holds up VACUUM."""
        row = await self._database.fetchrow("oldest transaction", _OLDEST)
        return float(row["seconds"]) if row else 0.0
