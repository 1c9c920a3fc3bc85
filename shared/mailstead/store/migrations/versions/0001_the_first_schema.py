"""the first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("api_key_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the random secret"),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("api_key_id", name=op.f("api_keys_pkey")),
        sa.UniqueConstraint("name", name=op.f("api_keys_name_key")),
        sa.UniqueConstraint("secret_hash", name=op.f("api_keys_secret_hash_key")),
    )
    op.create_table(
        "chunks",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column(
            "number", sa.Integer(), nullable=False, comment="from 0; each but the last holds CHUNK_SIZE octets of the body"
        ),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(data) <= 262144", name=op.f("chunks_data_check")),
        sa.PrimaryKeyConstraint("tenant_id", "blob_id", "number", name=op.f("chunks_pkey")),
    )
    op.create_table(
        "contents",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="HMAC-SHA-256 of all octets under the tenant's key"),
        sa.Column("blob_id", sa.Uuid(), nullable=False, comment="names the chunks"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="octets of header and body"),
        sa.Column("header", sa.LargeBinary(), nullable=False, comment="the header section with its empty line"),
        sa.Column("structure", sa.LargeBinary(), nullable=False, comment="wire.structure: parts and their offsets"),
        sa.Column("referred_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("contents_hash_check")),
        sa.PrimaryKeyConstraint("tenant_id", "hash", name=op.f("contents_pkey")),
    )
    op.create_index("contents_blob_key", "contents", ["tenant_id", "blob_id"], unique=True)
    op.create_index("contents_referred_at_idx", "contents", ["referred_at"], unique=False)
    op.create_table(
        "emails",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("email_id", sa.Uuid(), nullable=False, comment="time-ordered; what RFC 8474 calls EMAILID"),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("prefix", sa.LargeBinary(), nullable=False, comment="our own header fields, before the content"),
        sa.Column("header_size", sa.Integer(), nullable=False, comment="octets of the content's own header section"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="octets of prefix and content"),
        sa.Column("envelope", sa.LargeBinary(), nullable=False, comment="IMAP ENVELOPE as it goes on the wire"),
        sa.Column("bodystructure", sa.LargeBinary(), nullable=False, comment="IMAP BODYSTRUCTURE as it goes on the wire"),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "sent_on", sa.Date(), nullable=True, comment="the day in Date as written, its zone disregarded (RFC 9051 §6.4.4)"
        ),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "email_id", name=op.f("emails_pkey")),
    )
    op.create_index("emails_blob_idx", "emails", ["tenant_id", "blob_id"], unique=False)
    op.create_index("emails_message_id_idx", "emails", ["account_id", "message_id"], unique=False)
    op.create_table(
        "expunged",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False, comment="of the expunge"),
        sa.Column("flags", sa.SmallInteger(), nullable=False),
        sa.Column("keywords", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("internal_date", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("email_id", sa.Uuid(), nullable=False),
        sa.Column("expunged_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="which service, for whom"),
        sa.Column("reason", sa.Text(), nullable=False, comment="expunge, move, pop3 or mailbox deletion"),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "uid", name=op.f("expunged_pkey")),
    )
    op.create_index("expunged_email_idx", "expunged", ["account_id", "email_id"], unique=False)
    op.create_index("expunged_expunged_at_idx", "expunged", ["expunged_at"], unique=False)
    op.create_index("expunged_modseq_idx", "expunged", ["account_id", "mailbox_id", "modseq"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False, comment="job:NAME or maildrop:ACCOUNT"),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("leases_pkey")),
    )
    op.create_table(
        "limits",
        sa.Column("scope", sa.Text(), nullable=False, comment="what is limited"),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="whom or what it is counted for: an account, a network, a domain"
        ),
        sa.Column("tokens", sa.Double(), nullable=False, comment="left at `refilled_at`"),
        sa.Column("granted", sa.Integer(), nullable=False, comment="by the last request"),
        sa.Column("refilled_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("tokens >= 0 and granted >= 0", name=op.f("limits_tokens_check")),
        sa.PrimaryKeyConstraint("scope", "subject", name=op.f("limits_pkey")),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "account_id", sa.BigInteger(), nullable=False, comment="whose event it is; no foreign key: it outlives the account"
        ),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="what the receiver is sent"),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "entry_id", name=op.f("outbox_pkey")),
    )
    op.create_index("outbox_due_at_idx", "outbox", ["due_at"], unique=False)
    op.create_table(
        "queue_messages",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "account_id", sa.BigInteger(), nullable=True, comment="whose submission it is; null: the house's own, as bounces"
        ),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False, comment="reverse-path; empty: the null sender"),
        sa.Column("envelope_id", sa.Text(), nullable=True, comment="ENVID (RFC 3461 §4.4)"),
        sa.Column(
            "return_full", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="RET=FULL (RFC 3461 §4.3)"
        ),
        sa.Column("blob_id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.LargeBinary(), nullable=False),
        sa.Column("header_size", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("queue_messages_pkey")),
    )
    op.create_index("queue_messages_blob_idx", "queue_messages", ["tenant_id", "blob_id"], unique=False)
    op.create_index("queue_messages_queued_at_idx", "queue_messages", ["queued_at"], unique=False)
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_key", sa.LargeBinary(), nullable=False, comment="HMAC-SHA-256 key under which content is shared"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(content_key) = 32", name=op.f("tenants_content_key_check")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("tenants_pkey")),
        sa.UniqueConstraint("name", name=op.f("tenants_name_key")),
    )
    op.create_table(
        "domains",
        sa.Column("domain_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="lower case"),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("name = lower(name) and name <> ''", name=op.f("domains_name_check")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("domains_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("domains_pkey")),
        sa.UniqueConstraint("name", name=op.f("domains_name_key")),
    )
    op.create_table(
        "queue_attempts",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="of the recipient"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("duration", sa.Double(), nullable=False, comment="seconds"),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("tls", sa.Text(), nullable=True, comment="version and cipher; null: none"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome in ('delivered', 'deferred', 'failed')", name=op.f("queue_attempts_outcome_check")),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue_messages.queue_id"], name=op.f("queue_attempts_queue_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("queue_id", "number", "attempt", name=op.f("queue_attempts_pkey")),
    )
    op.create_table(
        "queue_recipients",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("notify", sa.ARRAY(sa.Text()), nullable=False, comment="NOTIFY (RFC 3461 §4.1); empty: not asked"),
        sa.Column("original", sa.Text(), nullable=True, comment="ORCPT (RFC 3461 §4.2)"),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False, comment="of a leased one: when the lease ends"),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="grows with each lease"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delay_notified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), nullable=True, comment="enhanced status code of the last attempt"),
        sa.Column("reply", sa.Text(), nullable=True, comment="what the other host said last"),
        sa.Column("settled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'leased') = (leased_by is not null)", name=op.f("queue_recipients_lease_check")),
        sa.CheckConstraint("state in ('waiting', 'leased', 'delivered', 'failed')", name=op.f("queue_recipients_state_check")),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queue_messages.queue_id"], name=op.f("queue_recipients_queue_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("queue_id", "number", name=op.f("queue_recipients_pkey")),
    )
    op.create_index(
        "queue_recipients_due_idx",
        "queue_recipients",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state in ('waiting', 'leased')"),
    )
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("domain_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="lower case; the name to log in with"),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="argon2id"),
        sa.Column("password_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=False, comment="0: unlimited"),
        sa.Column("last_uidvalidity", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("address = lower(address)", name=op.f("accounts_address_check")),
        sa.CheckConstraint("quota_bytes >= 0", name=op.f("accounts_quota_bytes_check")),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.domain_id"], name=op.f("accounts_domain_id_fkey")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("accounts_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("accounts_pkey")),
        sa.UniqueConstraint("address", name=op.f("accounts_address_key")),
    )
    op.create_index(op.f("accounts_domain_id_idx"), "accounts", ["domain_id"], unique=False)
    op.create_table(
        "addresses",
        sa.Column("address", sa.Text(), nullable=False, comment="lower case local-part@domain that we accept mail for"),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("address = lower(address)", name=op.f("addresses_address_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("addresses_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("addresses_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("address", name=op.f("addresses_pkey")),
    )
    op.create_index(op.f("addresses_account_id_idx"), "addresses", ["account_id"], unique=False)
    op.create_table(
        "mailboxes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="hierarchy separator /; INBOX in capitals"),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uidnext", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("highest_modseq", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "floor_modseq",
            sa.BigInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="tombstones are complete from here",
        ),
        sa.Column("messages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unseen", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deleted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("size", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="octets"),
        sa.Column("special_use", sa.Text(), nullable=True, comment="RFC 6154, as \\Sent"),
        sa.Column("subscribed", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("messages >= 0 and unseen >= 0 and deleted >= 0 and size >= 0", name=op.f("mailboxes_counters_check")),
        sa.CheckConstraint("uidnext between 1 and 4294967295", name=op.f("mailboxes_uidnext_check")),
        sa.CheckConstraint("uidvalidity between 1 and 4294967295", name=op.f("mailboxes_uidvalidity_check")),
        sa.CheckConstraint("unseen <= messages and deleted <= messages", name=op.f("mailboxes_shares_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("mailboxes_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", name=op.f("mailboxes_pkey")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("mailboxes_name_key", "mailboxes", ["account_id", "name"], unique=True)
    op.create_table(
        "subscriptions",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="subscribed names outlive their mailbox (RFC 9051 §6.3.7)"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("subscriptions_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("subscriptions_pkey")),
    )
    op.create_table(
        "messages",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.SmallInteger(), nullable=False, comment="model.flags.SystemFlag"),
        sa.Column("keywords", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="octets of BODY[]"),
        sa.Column("internal_date", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("saved_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("email_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("uid between 1 and 4294967295", name=op.f("messages_uid_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "mailbox_id"],
            ["mailboxes.account_id", "mailboxes.mailbox_id"],
            name=op.f("messages_account_id_mailbox_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "uid", name=op.f("messages_pkey")),
    )
    op.create_index("messages_email_idx", "messages", ["account_id", "email_id"], unique=False)
    op.create_index("messages_modseq_idx", "messages", ["account_id", "mailbox_id", "modseq"], unique=False)
    # Ranges of a body are read as ranges only when the chunk is not compressed (promise S3).
    op.execute("ALTER TABLE chunks ALTER COLUMN data SET STORAGE EXTERNAL")
