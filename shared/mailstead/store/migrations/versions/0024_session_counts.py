"""how many sessions replicas have of an account or an address"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_counts",
        sa.Column("subject", sa.Text(), nullable=False, comment="account:NUMBER or address:NETWORK"),
        sa.Column("scope", sa.Text(), nullable=False, comment="the protocol"),
        sa.Column("replica", sa.Text(), nullable=False, comment="whose word it is"),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("sessions > 0", name=op.f("session_counts_sessions_check")),
        sa.PrimaryKeyConstraint("subject", "scope", "replica", name=op.f("session_counts_pkey")),
    )


def downgrade() -> None:
    op.drop_table("session_counts")
