"""Keys that messages are signed with. Only delivery may read the private ones (promise S5)."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, text

from mailstead.store.schema.base import metadata, moment

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("domain_id", BigInteger, ForeignKey("domains.domain_id", ondelete="CASCADE"), primary_key=True),
    Column("selector", Text, primary_key=True, comment="RFC 6376 §3.1"),
    Column("algorithm", Text, nullable=False, comment="rsa-sha256 or ed25519-sha256"),
    Column("private_key", LargeBinary, nullable=False, comment="PKCS #8 in DER"),
    Column("record", Text, nullable=False, comment="what the domain publishes"),
    Column("state", Text, nullable=False, server_default=text("'published'"), comment="published, active or retired"),
    moment("created_at", default=True),
    moment("activated_at", nullable=True),
    moment("retired_at", nullable=True),
    CheckConstraint("algorithm in ('rsa-sha256', 'ed25519-sha256')", name="algorithm"),
    CheckConstraint("state in ('published', 'active', 'retired')", name="state"),
    # One key of each kind signs.
    Index("signing_keys_active_key", "domain_id", "algorithm", unique=True, postgresql_where=text("state = 'active'")),
)
