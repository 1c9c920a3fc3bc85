"""Mailboxes and what is in them: `messages` show the `emails` of their account, which are kept as `contents` and `chunks`."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from mailstead.store.schema.base import metadata, moment

CHUNK_SIZE = 262_144  # octets (promise S3)

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
    moment("created_at", default=True),
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
    moment("internal_date"),
    moment("saved_at"),
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
    moment("internal_date"),
    Column("email_id", Uuid, nullable=False),
    moment("expunged_at", default=True),
    Column("actor", Text, nullable=False, comment="which service, for whom"),
    Column("reason", Text, nullable=False, comment="expunge, move, replace, pop3 or mailbox deletion"),
    moment("restored_at", nullable=True),
    Index("expunged_modseq_idx", "account_id", "mailbox_id", "modseq"),
    Index("expunged_email_idx", "account_id", "email_id"),
    Index("expunged_expunged_at_idx", "expunged_at"),
    Index("expunged_restorable_idx", "account_id", "expunged_at", postgresql_where=text("restored_at IS NULL")),
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
    moment("sent_at", nullable=True),
    Column("sent_on", Date, comment="the day in Date as written, its zone disregarded (RFC 9051 §6.4.4)"),
    Column("preview", Text, nullable=False),
    moment("created_at", default=True),
    Column("folded", ARRAY(Text), comment="wire.folded: the fields that SEARCH asks for most; null: read them"),
    Column("sort_keys", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="wire.sorting, in its order"),
    Column("is_reply", Boolean, nullable=False, server_default=text("false"), comment="its subject says so"),
    Column("ancestors", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="Message-IDs, nearest last"),
    Index("emails_blob_idx", "tenant_id", "blob_id"),
    Index("emails_message_id_idx", "account_id", "message_id"),
    Index("emails_trace_id_idx", "trace_id"),
    Index("emails_created_at_idx", "created_at", postgresql_using="brin", postgresql_with={"autosummarize": True}),
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
    moment("referred_at", default=True),
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
