"""an audit log"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("entry_id", sa.Uuid(), nullable=False, comment="UUID version 7: in the order of time"),
        sa.Column(
            "tenant_id",
            sa.BigInteger(),
            comment="whose it is about, as far as it was known; no foreign key: it outlives the tenant",
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="the operation of the API"),
        sa.Column("target", sa.Text(), nullable=False, comment="its path"),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("audit_entries_pkey")),
    )
    op.create_index(op.f("audit_entries_at_idx"), "audit_entries", ["at"])
    op.create_table(
        "audit_outcomes",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), comment="whose what was made is"),
        sa.Column("status", sa.Integer(), nullable=False, comment="of the answer"),
        sa.Column("before", postgresql.JSONB(), comment="what it was, without secrets"),
        sa.Column("after", postgresql.JSONB(), comment="what it became, without secrets"),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["audit_entries.entry_id"], name=op.f("audit_outcomes_entry_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("audit_outcomes_pkey")),
    )


def downgrade() -> None:
    op.drop_table("audit_outcomes")
    op.drop_table("audit_entries")
