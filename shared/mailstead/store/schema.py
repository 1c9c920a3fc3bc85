"""The tables, as SQLAlchemy sees them; `migrations/` brings a database to this state and a test compares the two.

Invariants that hold the shape together:
- every account-owned table leads its primary key with `account_id`, and every hot statement carries it (promise S1);
- no foreign key makes a delivery lock a row that others of its tenant need: only `messages` points at a parent, and that row is
  locked by the same transaction anyway;
- content belongs to a tenant and is referred to by `(tenant_id, blob_id)` without a foreign key: `reclaim.py` and
  `invariants.py` stand in for it;
- a mailbox row holds the counters of its messages, changed in the transaction that changes the messages; the usage of an
  account is the sum over its mailboxes, so there is no second place that could drift.
"""

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

CHUNK_SIZE = 262_144  # octets (promise S3)

_now = text("now()")


def _time(name: str, *, nullable: bool = False, default: bool = False) -> Column[object]:
    return Column(name, TIMESTAMP(timezone=True), nullable=nullable, server_default=_now if default else None)


tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("content_key", LargeBinary, nullable=False, comment="HMAC-SHA-256 key under which content is shared"),
    _time("created_at", default=True),
    CheckConstraint("length(content_key) = 32", name="content_key"),
)

domains = Table(
    "domains",
    metadata,
    Column("domain_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id"), nullable=False),
    Column("name", Text, nullable=False, unique=True, comment="lower case"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    _time("created_at", default=True),
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
    _time("created_at", default=True),
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
    _time("created_at", default=True),
    _time("expires_at", nullable=True),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("mailbox_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, comment="hierarchy separator /; INBOX in capitals"),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uidnext", BigInteger, nullable=False, server_default=text("1")),
    Column("highest_modseq", BigInteger, nullable=False, server_default=text("1")),
    Column("floor_modseq", BigInteger, nullable=False, server_default=text("1"), comment="tombstones are complete from here"),
    Column("messages", Integer, nullable=False, server_default=text("0")),
    Column("unseen", Integer, nullable=False, server_default=text("0")),
    Column("deleted", Integer, nullable=False, server_default=text("0")),
    Column("size", BigInteger, nullable=False, server_default=text("0"), comment="octets"),
    Column("special_use", Text, comment="RFC 6154, as \\Sent"),
    Column("subscribed", Boolean, nullable=False, server_default=text("true")),
    _time("created_at", default=True),
    CheckConstraint("uidvalidity between 1 and 4294967295", name="uidvalidity"),
    CheckConstraint("uidnext between 1 and 4294967295", name="uidnext"),
    CheckConstraint("messages >= 0 and unseen >= 0 and deleted >= 0 and size >= 0", name="counters"),
    CheckConstraint("unseen <= messages and deleted <= messages", name="shares"),
    Index("mailboxes_name_key", "account_id", "name", unique=True),
    postgresql_with={"fillfactor": "50"},
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True, comment="subscribed names outlive their mailbox (RFC 9051 §6.3.7)"),
)

_MESSAGE_KEY = ("account_id", "mailbox_id")

messages = Table(
    "messages",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("modseq", BigInteger, nullable=False),
    Column("flags", SmallInteger, nullable=False, comment="model.flags.SystemFlag"),
    Column("keywords", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("size", BigInteger, nullable=False, comment="octets of BODY[]"),
    _time("internal_date"),
    _time("saved_at"),
    Column("email_id", Uuid, nullable=False),
    ForeignKeyConstraint(_MESSAGE_KEY, ["mailboxes.account_id", "mailboxes.mailbox_id"]),
    CheckConstraint("uid between 1 and 4294967295", name="uid"),
    Index("messages_modseq_idx", "account_id", "mailbox_id", "modseq"),
    Index("messages_email_idx", "account_id", "email_id"),
)

expunged = Table(
    "expunged",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("modseq", BigInteger, nullable=False, comment="of the expunge"),
    Column("flags", SmallInteger, nullable=False),
    Column("keywords", ARRAY(Text), nullable=False),
    Column("size", BigInteger, nullable=False),
    _time("internal_date"),
    Column("email_id", Uuid, nullable=False),
    _time("expunged_at", default=True),
    Column("actor", Text, nullable=False, comment="which service, for whom"),
    Column("reason", Text, nullable=False, comment="expunge, move, pop3 or mailbox deletion"),
    Index("expunged_modseq_idx", "account_id", "mailbox_id", "modseq"),
    Index("expunged_email_idx", "account_id", "email_id"),
    Index("expunged_expunged_at_idx", "expunged_at"),
)

emails = Table(
    "emails",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("email_id", Uuid, primary_key=True, comment="time-ordered; what RFC 8474 calls EMAILID"),
    Column("thread_id", Uuid, nullable=False),
    Column("tenant_id", BigInteger, nullable=False),
    Column("blob_id", Uuid, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("prefix", LargeBinary, nullable=False, comment="our own header fields, before the content"),
    Column("header_size", Integer, nullable=False, comment="octets of the content's own header section"),
    Column("size", BigInteger, nullable=False, comment="octets of prefix and content"),
    Column("envelope", LargeBinary, nullable=False, comment="IMAP ENVELOPE as it goes on the wire"),
    Column("bodystructure", LargeBinary, nullable=False, comment="IMAP BODYSTRUCTURE as it goes on the wire"),
    Column("message_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sender", Text, nullable=False),
    _time("sent_at", nullable=True),
    Column("sent_on", Date, comment="the day in Date as written, its zone disregarded (RFC 9051 §6.4.4)"),
    Column("preview", Text, nullable=False),
    _time("created_at", default=True),
    Index("emails_blob_idx", "tenant_id", "blob_id"),
    Index("emails_message_id_idx", "account_id", "message_id"),
)

contents = Table(
    "contents",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True),
    Column("hash", LargeBinary, primary_key=True, comment="HMAC-SHA-256 of all octets under the tenant's key"),
    Column("blob_id", Uuid, nullable=False, comment="names the chunks"),
    Column("size", BigInteger, nullable=False, comment="octets of header and body"),
    Column("header", LargeBinary, nullable=False, comment="the header section with its empty line"),
    Column("structure", LargeBinary, nullable=False, comment="wire.structure: parts and their offsets"),
    _time("referred_at", default=True),
    CheckConstraint("length(hash) = 32", name="hash"),
    Index("contents_blob_key", "tenant_id", "blob_id", unique=True),
    Index("contents_referred_at_idx", "referred_at"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("tenant_id", BigInteger, primary_key=True),
    Column("blob_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, comment="from 0; each but the last holds CHUNK_SIZE octets of the body"),
    Column("data", LargeBinary, nullable=False),
    CheckConstraint("length(data) <= 262144", name="data"),
)

queue_messages = Table(
    "queue_messages",
    metadata,
    Column("queue_id", Uuid, primary_key=True),
    Column("tenant_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, comment="whose submission it is; null: the house's own, as bounces"),
    Column("trace_id", Text, nullable=False),
    Column("sender", Text, nullable=False, comment="reverse-path; empty: the null sender"),
    Column("envelope_id", Text, comment="ENVID (RFC 3461 §4.4)"),
    Column("return_full", Boolean, nullable=False, server_default=text("false"), comment="RET=FULL (RFC 3461 §4.3)"),
    Column("blob_id", Uuid, nullable=False),
    Column("prefix", LargeBinary, nullable=False),
    Column("header_size", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    _time("queued_at", default=True),
    _time("expires_at"),
    Index("queue_messages_blob_idx", "tenant_id", "blob_id"),
    Index("queue_messages_queued_at_idx", "queued_at"),
)

queue_recipients = Table(
    "queue_recipients",
    metadata,
    Column("queue_id", Uuid, ForeignKey("queue_messages.queue_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("address", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("notify", ARRAY(Text), nullable=False, comment="NOTIFY (RFC 3461 §4.1); empty: not asked"),
    Column("original", Text, comment="ORCPT (RFC 3461 §4.2)"),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("due_at", TIMESTAMP(timezone=True), nullable=False, comment="of a leased one: when the lease ends"),
    Column("leased_by", Text),
    Column("fence", BigInteger, nullable=False, server_default=text("0"), comment="grows with each lease"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("delay_notified", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, comment="enhanced status code of the last attempt"),
    Column("reply", Text, comment="what the other host said last"),
    _time("settled_at", nullable=True),
    CheckConstraint("state in ('waiting', 'leased', 'delivered', 'failed')", name="state"),
    CheckConstraint("(state = 'leased') = (leased_by is not null)", name="lease"),
    Index("queue_recipients_due_idx", "due_at", postgresql_where=text("state in ('waiting', 'leased')")),
)

queue_attempts = Table(
    "queue_attempts",
    metadata,
    Column("queue_id", Uuid, ForeignKey("queue_messages.queue_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, comment="of the recipient"),
    Column("attempt", Integer, primary_key=True),
    _time("started_at"),
    Column("duration", Double, nullable=False, comment="seconds"),
    Column("outcome", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("tls", Text, comment="version and cipher; null: none"),
    Column("status", Text, nullable=False),
    Column("reply", Text, nullable=False),
    CheckConstraint("outcome in ('delivered', 'deferred', 'failed')", name="outcome"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True, comment="job:NAME or maildrop:ACCOUNT"),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    _time("expires_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("account_id", BigInteger, primary_key=True, comment="whose event it is; no foreign key: it outlives the account"),
    Column("entry_id", Uuid, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False, comment="what the receiver is sent"),
    _time("due_at"),
    Column("leased_by", Text),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Index("outbox_due_at_idx", "due_at"),
)

limits = Table(
    "limits",
    metadata,
    Column("scope", Text, primary_key=True, comment="what is limited"),
    Column("subject", Text, primary_key=True, comment="whom or what it is counted for: an account, a network, a domain"),
    Column("tokens", Double, nullable=False, comment="left at `refilled_at`"),
    Column("granted", Integer, nullable=False, comment="by the last request"),
    _time("refilled_at"),
    CheckConstraint("tokens >= 0 and granted >= 0", name="tokens"),
)
