"""what the outside is told: events, webhooks, their deliveries

The outbox had no user before: nothing is lost with it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = False, default: bool = False) -> "sa.Column[object]":
    server_default = sa.text("now()") if default else None
    return sa.Column(name, sa.TIMESTAMP(timezone=True), server_default=server_default, nullable=nullable)


def upgrade() -> None:
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="whose event it is; 0: of no account; it outlives the account",
        ),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), comment="whose webhooks are told; null: of a trial of a webhook of all tenants"),
        sa.Column("type", sa.Text(), nullable=False, comment="events.outside"),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), comment="of a trial: the one that is told"),
        _moment("at", default=True),
        sa.PrimaryKeyConstraint("account_id", "event_id", name=op.f("outbox_pkey")),
    )
    op.create_index("outbox_at_idx", "outbox", ["at"])
    op.create_table(
        "outside_events",
        sa.Column(
            "position",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="in the order in which they can be seen",
        ),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), comment="no foreign key: it outlives the tenant"),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        _moment("at"),
        sa.PrimaryKeyConstraint("position", name=op.f("outside_events_pkey")),
    )
    op.create_index("outside_events_event_id_key", "outside_events", ["event_id"], unique=True)
    op.create_index("outside_events_tenant_idx", "outside_events", ["tenant_id", "position"])
    op.create_index("outside_events_at_idx", "outside_events", ["at"])
    op.create_table(
        "event_readers",
        sa.Column("reader_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), comment="null: of all"),
        _moment("expires_at"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("event_readers_tenant_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reader_id", name=op.f("event_readers_pkey")),
    )
    op.create_index(
        "event_readers_tenant_id_key", "event_readers", ["tenant_id"], unique=True, postgresql_nulls_not_distinct=True
    )
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), comment="whose events; null: all"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment="none: all"),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("disabled_reason", sa.Text(), comment="gone or failing; null: by hand"),
        _moment("failing_since", nullable=True),
        _moment("created_at", default=True),
        sa.CheckConstraint(
            "disabled_reason is null or (not enabled and disabled_reason in ('gone', 'failing'))",
            name=op.f("webhooks_reason_check"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("webhooks_tenant_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("webhooks_pkey")),
    )
    op.create_index(op.f("webhooks_tenant_id_idx"), "webhooks", ["tenant_id"])
    op.create_table(
        "webhook_secrets",
        sa.Column("secret_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="HMAC-SHA-256 key"),
        _moment("created_at", default=True),
        _moment("expires_at", nullable=True),
        sa.CheckConstraint("length(secret) between 24 and 64", name=op.f("webhook_secrets_secret_check")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.webhook_id"], name=op.f("webhook_secrets_webhook_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_id", name=op.f("webhook_secrets_pkey")),
    )
    op.create_index(op.f("webhook_secrets_webhook_id_idx"), "webhook_secrets", ["webhook_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="all of them"),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="since `begun_at`"),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _moment("begun_at", default=True),
        _moment("due_at", default=True),
        _moment("settled_at", nullable=True),
        sa.CheckConstraint("state in ('pending', 'delivered', 'failed')", name=op.f("webhook_deliveries_state_check")),
        sa.CheckConstraint("(state = 'pending') = (settled_at is null)", name=op.f("webhook_deliveries_settled_at_check")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.webhook_id"], name=op.f("webhook_deliveries_webhook_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["position"], ["outside_events.position"], name=op.f("webhook_deliveries_position_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("webhook_id", "position", name=op.f("webhook_deliveries_pkey")),
    )
    op.create_index(
        "webhook_deliveries_due_idx",
        "webhook_deliveries",
        ["webhook_id", "due_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("webhook_deliveries_position_idx", "webhook_deliveries", ["position"])
    op.create_table(
        "webhook_attempts",
        sa.Column("webhook_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False, comment="from 1"),
        _moment("started_at"),
        sa.Column("duration", sa.Double(), nullable=False, comment="seconds"),
        sa.Column("status", sa.Integer(), comment="of the answer; null: there was none"),
        sa.Column("error", sa.Text(), comment="why it did not succeed; null: it did"),
        sa.CheckConstraint("status is not null or error is not null", name=op.f("webhook_attempts_result_check")),
        sa.ForeignKeyConstraint(
            ["webhook_id", "position"],
            ["webhook_deliveries.webhook_id", "webhook_deliveries.position"],
            name=op.f("webhook_attempts_webhook_id_position_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("webhook_id", "position", "attempt", name=op.f("webhook_attempts_pkey")),
    )


def downgrade() -> None:
    for table in ("webhook_attempts", "webhook_deliveries", "webhook_secrets", "webhooks", "event_readers", "outside_events"):
        op.drop_table(table)
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        _moment("due_at"),
        sa.Column("leased_by", sa.Text()),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "entry_id", name=op.f("outbox_pkey")),
    )
    op.create_index("outbox_due_at_idx", "outbox", ["due_at"])
