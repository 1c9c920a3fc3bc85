"""Tenants, and who is in them: domains, accounts, the addresses that reach them, keys for the API."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from mailstead.store.schema.base import metadata, moment

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("content_key", LargeBinary, nullable=False, comment="HMAC-SHA-256 key under which content is shared"),
    moment("created_at", default=True),
    CheckConstraint("length(content_key) = 32", name="content_key"),
)

domains = Table(
    "domains",
    metadata,
    Column("domain_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("name", Text, nullable=False, unique=True, comment="lower case"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    moment("created_at", default=True),
    CheckConstraint("name = lower(name) and name <> ''", name="name"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("domain_id", BigInteger, ForeignKey("domains.domain_id"), nullable=False),
    Column("address", Text, nullable=False, unique=True, comment="lower case; the name to log in with"),
    Column("password_hash", Text, nullable=False, comment="argon2id"),
    Column("password_version", Integer, nullable=False, server_default=text("1")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("quota_bytes", BigInteger, nullable=False, comment="0: unlimited"),
    Column("last_uidvalidity", BigInteger, nullable=False, server_default=text("0")),
    moment("created_at", default=True),
    CheckConstraint("address = lower(address)", name="address"),
    CheckConstraint("quota_bytes >= 0", name="quota_bytes"),
    Index(None, "domain_id"),
)

addresses = Table(
    "addresses",
    metadata,
    Column("address", Text, primary_key=True, comment="lower case local-part@domain that we accept mail for"),
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
    CheckConstraint("address = lower(address)", name="address"),
    Index(None, "account_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("api_key_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("secret_hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the random secret"),
    Column("scopes", ARRAY(Text), nullable=False),
    moment("created_at", default=True),
    moment("expires_at", nullable=True),
)
