"""Tenants, and who is in them: domains, accounts, the addresses that reach them, keys for the API."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
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

MAX_TARGETS = 1_000  # of one alias or group
MAX_FORWARDS = 20  # of one account
MAX_SEND_AS = 100  # grants of one account

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("content_key", LargeBinary, nullable=False, comment="HMAC-SHA-256 key under which content is shared"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
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
    Column("held", Boolean, nullable=False, server_default=text("false"), comment="its tenant is suspended"),
    Column("alias_of", BigInteger, ForeignKey("domains.domain_id"), comment="the domain whose addresses it has"),
    Column("scram", Boolean, nullable=False, server_default=text("false"), comment="whether SCRAM keys of its accounts are kept"),
    Column("junk_score", Double, comment="from which a message is junk; none: the service decides"),
    Column("reject_score", Double, comment="from which it is refused"),
    Column("max_accounts", Integer, comment="that it may have; none: as many as are made"),
    Column("retention_days", Integer, comment="for which deleted messages can be given back; none: the service decides"),
    moment("verified_at", nullable=True),
    moment("deleted_at", nullable=True),
    moment("erase_at", nullable=True),
    Column("was_active", Boolean, comment="before it was deleted"),
    moment("created_at", default=True),
    CheckConstraint("name = lower(name) and name <> ''", name="name"),
    CheckConstraint("junk_score > 0 and reject_score > 0", name="scores"),
    CheckConstraint("max_accounts > 0", name="max_accounts"),
    CheckConstraint("retention_days > 0", name="retention_days"),
    CheckConstraint("alias_of <> domain_id", name="alias_of"),
    CheckConstraint("(deleted_at is null) = (erase_at is null) and (deleted_at is null) = (was_active is null)", name="deleted"),
    CheckConstraint("deleted_at is null or not active", name="deleted_inactive"),
    Index(None, "alias_of"),
    Index(None, "erase_at", postgresql_where=text("erase_at is not null")),
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
    Column("role", Text, nullable=False, server_default=text("'owner'"), comment="of who signs in for it"),
    Column("session_epoch", Integer, nullable=False, server_default=text("0"), comment="sessions of an earlier one are over"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("quota_bytes", BigInteger, nullable=False, comment="0: unlimited"),
    Column("quota_messages", BigInteger, nullable=False, server_default=text("0"), comment="0: unlimited"),
    Column("last_uidvalidity", BigInteger, nullable=False, server_default=text("0")),
    Column("forwards", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="who gets what comes here"),
    Column("keeps_copy", Boolean, nullable=False, server_default=text("true"), comment="of what is forwarded"),
    Column("files_tags", Boolean, nullable=False, server_default=text("false"), comment="user+tag goes to mailbox tag"),
    Column("send_as", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="others' addresses, @domains"),
    moment("deleted_at", nullable=True),
    moment("erase_at", nullable=True),
    Column("was_active", Boolean, comment="before it was deleted"),
    moment("created_at", default=True),
    CheckConstraint("address = lower(address)", name="address"),
    CheckConstraint("role in ('owner', 'tenant_admin', 'operator')", name="role"),
    CheckConstraint("quota_bytes >= 0", name="quota_bytes"),
    CheckConstraint("quota_messages >= 0", name="quota_messages"),
    CheckConstraint("keeps_copy or forwards <> '{}'", name="keeps_copy"),
    CheckConstraint(f"cardinality(forwards) <= {MAX_FORWARDS} and cardinality(send_as) <= {MAX_SEND_AS}", name="lists"),
    CheckConstraint("(deleted_at is null) = (erase_at is null) and (deleted_at is null) = (was_active is null)", name="deleted"),
    CheckConstraint("deleted_at is null or not active", name="deleted_inactive"),
    Index(None, "domain_id"),
    Index(None, "erase_at", postgresql_where=text("erase_at is not null")),
)

addresses = Table(
    "addresses",
    metadata,
    Column("address", Text, primary_key=True, comment="lower case local-part@domain that we accept mail for, or @domain"),
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("domain_id", BigInteger, ForeignKey("domains.domain_id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'account'"), comment="account, alias or group"),
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), comment="of kind account"),
    Column("targets", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="of the other kinds: addresses"),
    Column("members_only", Boolean, nullable=False, server_default=text("false"), comment="who may write to a group"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("address = lower(address)", name="address"),
    CheckConstraint("kind in ('account', 'alias', 'group')", name="kind"),
    CheckConstraint("(kind = 'account') = (account_id is not null)", name="account"),
    CheckConstraint(
        f"(kind = 'account') = (targets = '{{}}') and cardinality(targets) <= {MAX_TARGETS}",
        name="targets",
    ),
    CheckConstraint("kind = 'group' or not members_only", name="members_only"),
    Index(None, "account_id"),
    Index(None, "domain_id"),
)

srs_keys = Table(
    "srs_keys",
    metadata,
    Column("key_id", BigInteger, Identity(always=True), primary_key=True),
    Column("secret", LargeBinary, nullable=False, comment="HMAC-SHA-256 key under which senders are rewritten; the newest signs"),
    moment("created_at", default=True),
    CheckConstraint("length(secret) = 32", name="secret"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("api_key_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("secret_hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the random secret"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column(
        "tenant_id", BigInteger, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), comment="all that it reaches; none: all"
    ),
    moment("created_at", default=True),
    moment("expires_at", nullable=True),
    Index(None, "tenant_id"),
)
