"""Alembic's revisions. Each is frozen once released and follows expand and contract: the release before must survive it."""
