"""Runs a revision on the connection that `mailstead.store.migrate` opened, inside its transaction."""

from alembic import context

from mailstead.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, compare_type=True)
context.run_migrations()
