"""Who asked for what, and what came of it. Rows are only ever added: a request before it is carried out, its outcome after."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from mailstead.store.schema.base import metadata, moment

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("entry_id", Uuid, primary_key=True, comment="UUID version 7: in the order of time"),
    Column("tenant_id", BigInteger, comment="whose it is about, as far as it was known; no foreign key: it outlives the tenant"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False, comment="the operation of the API"),
    Column("target", Text, nullable=False, comment="its path"),
    Column("trace_id", Text, nullable=False),
    moment("at", default=True),
    Index(None, "at"),
)

audit_outcomes = Table(
    "audit_outcomes",
    metadata,
    Column("entry_id", Uuid, ForeignKey("audit_entries.entry_id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", BigInteger, comment="whose what was made is"),
    Column("status", Integer, nullable=False, comment="of the answer"),
    Column("before", JSONB, comment="what it was, without secrets"),
    Column("after", JSONB, comment="what it became, without secrets"),
)
