"""Statements that SQLAlchemy builds, run on a connection of the one pool: for what is not hot."""

from collections.abc import Sequence

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from mailstead.store.engine import Connection

_DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]


async def run(connection: Connection, statement: Executable) -> Sequence[asyncpg.Record]:
    """The rows it returns; errors are asyncpg's."""
    assert isinstance(statement, ClauseElement)
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    assert isinstance(compiled, SQLCompiler)
    return await connection.fetch(str(compiled), *(compiled.params[name] for name in compiled.positiontup or ()))
