"""who came again after being put off"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "greylist",
        sa.Column("network", sa.Text(), nullable=False, comment="of the client: /24, or /64"),
        sa.Column("sender", sa.Text(), nullable=False, comment="reverse-path; empty: the null sender"),
        sa.Column("first_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False, comment="it has come back"),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("network", "sender", name=op.f("greylist_pkey")),
    )
    op.create_index(op.f("greylist_expires_at_idx"), "greylist", ["expires_at"])


def downgrade() -> None:
    op.drop_table("greylist")
