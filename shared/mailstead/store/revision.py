"""Which schema a release needs, and whether the database has it; without the machinery that migrates.

Releases only ever add to a schema before they take away (expand, then contract): a service works with every newer one.
"""

from importlib.resources import files

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Database

_REVISIONS = (entry.name.partition("_")[0] for entry in files("mailstead.store.migrations.versions").iterdir())
NEEDED_REVISION = max(name for name in _REVISIONS if name.isdigit())
"""The newest revision that this release knows."""


async def check_revision(database: Database) -> None:
    """Readiness, in one round trip. Raises Refused(UNAVAILABLE) while the schema is older than this release needs."""
    row = await database.fetchrow("ping", "SELECT version_num FROM alembic_version")
    found = row["version_num"] if row else "empty"
    if row is None or found < NEEDED_REVISION:
        raise Refused(
            Failure.UNAVAILABLE,
            f"the schema is at {found}, and {NEEDED_REVISION} is needed: run python -m mailstead.store.prepare",
        )
