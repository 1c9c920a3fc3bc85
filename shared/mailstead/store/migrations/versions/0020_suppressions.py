"""what bounces are about, and addresses that are not written to again"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue_attempts", sa.Column("bounce_class", sa.Text(), comment="model.bounce; null: delivered"))
    op.create_check_constraint(
        op.f("queue_attempts_bounce_class_check"), "queue_attempts", "bounce_class is null or outcome in ('deferred', 'failed')"
    )
    op.create_table(
        "suppressions",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="in lower case"),
        sa.Column("suppression_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="what the other host said, or who put it there why"),
        sa.Column("trace_id", sa.Text(), comment="of the message that it comes from"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), comment="null: never"),
        sa.CheckConstraint("reason in ('bounce', 'complaint', 'manual')", name=op.f("suppressions_reason_check")),
        sa.CheckConstraint("address = lower(address)", name=op.f("suppressions_address_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("suppressions_tenant_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "address", name=op.f("suppressions_pkey")),
    )
    op.create_index("suppressions_suppression_id_key", "suppressions", ["suppression_id"], unique=True)
    op.create_index("suppressions_expires_at_idx", "suppressions", ["expires_at"])


def downgrade() -> None:
    op.drop_table("suppressions")
    op.drop_constraint(op.f("queue_attempts_bounce_class_check"), "queue_attempts")
    op.drop_column("queue_attempts", "bounce_class")
