"""All the SQL of Mailstead: the schema, its migrations, and one small class for each thing the services ask of PostgreSQL.

May import `model`, `wire` and `events`. Hot statements run on asyncpg directly; SQLAlchemy owns the schema, the migrations and
the provisioning queries. Keeps the promises D1 (what returns has committed), D4 (immutable content, UIDs and modseqs under the
mailbox lock), D6 (commit, then announce) and D7 (one lock order: mailboxes by (account_id, mailbox_id), then content by key).
"""
