"""Sieve: the scripts of accounts, and what their runs remember."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, Uuid, text

from mailstead.store.schema.base import metadata, moment

sieve_scripts = Table(
    "sieve_scripts",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("revision", Uuid, nullable=False, comment="another one each time the text changes"),
    Column("active", Boolean, nullable=False, server_default=text("false")),
    moment("changed_at", default=True),
    CheckConstraint("length(name) between 1 and 128", name="name"),
    CheckConstraint("octet_length(text) between 1 and 1048576", name="text"),
    Index("sieve_scripts_active_idx", "account_id", unique=True, postgresql_where=text("active")),
)

sieve_marks = Table(
    "sieve_marks",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("mark", LargeBinary, primary_key=True, comment="digest of what was answered (vacation) or seen (duplicate)"),
    moment("expires_at"),
    CheckConstraint("length(mark) = 32", name="mark"),
    Index("sieve_marks_expires_at_idx", "expires_at"),
)
