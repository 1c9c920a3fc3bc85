"""What the outside is told: events on their way (`outbox`), as they are kept, who reads them, and whom they are sent to."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from mailstead.store.schema.base import metadata, moment

outbox = Table(
    "outbox",
    metadata,
    Column("account_id", BigInteger, primary_key=True, comment="whose event it is; 0: of no account; it outlives the account"),
    Column("event_id", Uuid, primary_key=True),
    Column("tenant_id", BigInteger, comment="whose webhooks are told; null: of a trial of a webhook of all tenants"),
    Column("type", Text, nullable=False, comment="events.outside"),
    Column("data", JSONB, nullable=False),
    Column("webhook_id", BigInteger, comment="of a trial: the one that is told"),
    moment("at", default=True),
    Index("outbox_at_idx", "at"),
)

outside_events = Table(
    "outside_events",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True, comment="in the order in which they can be seen"),
    Column("event_id", Uuid, nullable=False),
    Column("tenant_id", BigInteger, comment="no foreign key: it outlives the tenant"),
    Column("type", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    moment("at"),
    Index("outside_events_event_id_key", "event_id", unique=True),
    Index("outside_events_tenant_idx", "tenant_id", "position"),
    Index("outside_events_at_idx", "at"),
)

event_readers = Table(
    "event_readers",
    metadata,
    Column("reader_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), comment="null: of all"),
    moment("expires_at"),
    Index("event_readers_tenant_id_key", "tenant_id", unique=True, postgresql_nulls_not_distinct=True),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), comment="whose events; null: all"),
    Column("url", Text, nullable=False),
    Column("event_types", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="none: all"),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("disabled_reason", Text, comment="gone or failing; null: by hand"),
    moment("failing_since", nullable=True),
    moment("created_at", default=True),
    CheckConstraint("disabled_reason is null or (not enabled and disabled_reason in ('gone', 'failing'))", name="reason"),
    Index(None, "tenant_id"),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("secret_id", BigInteger, Identity(always=True), primary_key=True),
    Column("webhook_id", BigInteger, ForeignKey("webhooks.webhook_id", ondelete="CASCADE"), nullable=False),
    Column("secret", LargeBinary, nullable=False, comment="HMAC-SHA-256 key"),
    moment("created_at", default=True),
    moment("expires_at", nullable=True),
    CheckConstraint("length(secret) between 24 and 64", name="secret"),
    Index(None, "webhook_id"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook_id", BigInteger, ForeignKey("webhooks.webhook_id", ondelete="CASCADE"), primary_key=True),
    Column("position", BigInteger, ForeignKey("outside_events.position", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="all of them"),
    Column("tries", Integer, nullable=False, server_default=text("0"), comment="since `begun_at`"),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    moment("begun_at", default=True),
    moment("due_at", default=True),
    moment("settled_at", nullable=True),
    CheckConstraint("state in ('pending', 'delivered', 'failed')", name="state"),
    CheckConstraint("(state = 'pending') = (settled_at is null)", name="settled_at"),
    Index("webhook_deliveries_due_at_idx", "due_at", postgresql_where=text("state = 'pending'")),
    Index("webhook_deliveries_due_idx", "webhook_id", "due_at", postgresql_where=text("state = 'pending'")),
    Index("webhook_deliveries_position_idx", "position"),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("webhook_id", BigInteger, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("attempt", Integer, primary_key=True, comment="from 1"),
    moment("started_at"),
    Column("duration", Double, nullable=False, comment="seconds"),
    Column("status", Integer, comment="of the answer; null: there was none"),
    Column("error", Text, comment="why it did not succeed; null: it did"),
    ForeignKeyConstraint(
        ["webhook_id", "position"],
        ["webhook_deliveries.webhook_id", "webhook_deliveries.position"],
        ondelete="CASCADE",
    ),
    CheckConstraint("status is not null or error is not null", name="result"),
)
