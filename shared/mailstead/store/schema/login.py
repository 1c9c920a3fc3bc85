"""What proves who logs in beside the password of an account, and what is remembered of those who failed."""

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
    UniqueConstraint,
    text,
)

from mailstead.store.schema.base import metadata, moment

app_passwords = Table(
    "app_passwords",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("app_password_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, comment="what its owner calls it"),
    Column("secret_hash", LargeBinary, nullable=False, comment="HMAC-SHA-256 of the random secret under the newest login key"),
    Column("scopes", ARRAY(Text), nullable=False, comment="the protocols that it is for"),
    moment("created_at", default=True),
    moment("expires_at", nullable=True),
    moment("last_used_at", nullable=True),
    UniqueConstraint("account_id", "secret_hash"),
    CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
    CheckConstraint("scopes <> '{}' and scopes <@ array['imap', 'pop3', 'smtp', 'sieve']", name="scopes"),
)

scram_keys = Table(
    "scram_keys",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("salt", LargeBinary, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("stored_key", LargeBinary, nullable=False),
    Column("server_key", LargeBinary, nullable=False),
    CheckConstraint("iterations >= 4096 and length(stored_key) = 32 and length(server_key) = 32", name="keys"),
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("subject", Text, primary_key=True, comment="an account, an address of clients, or both together, see `logins.py`"),
    Column("failures", Integer, nullable=False, comment="since they were last forgotten"),
    moment("last_at"),
    CheckConstraint("failures > 0", name="failures"),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True, comment="SHA-256 of the random token"),
    Column("account_id", BigInteger, nullable=False, comment="no foreign key: without its account it is good for nothing"),
    Column("password_version", Integer, nullable=False, comment="of the account when it was made; as is"),
    Column("session_epoch", Integer, nullable=False),
    moment("created_at", default=True),
    moment("expires_at"),
    Index(None, "expires_at"),
)

totp_secrets = Table(
    "totp_secrets",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("secret", LargeBinary, nullable=False),
    Column("confirmed", Boolean, nullable=False, server_default=text("false")),
    Column("last_step", BigInteger, nullable=False, server_default=text("0"), comment="no code is taken twice"),
    Column("recovery_codes", ARRAY(LargeBinary), nullable=False, server_default=text("'{}'"), comment="HMAC-SHA-256 of each"),
    CheckConstraint("length(secret) = 20", name="secret"),
    CheckConstraint("cardinality(recovery_codes) <= 10", name="recovery_codes"),
)

last_logins = Table(
    "last_logins",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("protocol", Text, primary_key=True, comment="imap, pop3, smtp or sieve"),
    moment("at"),
    Column("peer", Text, nullable=False, comment="the address that it came from"),
)

login_keys = Table(
    "login_keys",
    metadata,
    Column("key_id", BigInteger, Identity(always=True), primary_key=True),
    Column("secret", LargeBinary, nullable=False, comment="for app passwords, and for salts of accounts that do not exist"),
    CheckConstraint("length(secret) = 32", name="secret"),
)
