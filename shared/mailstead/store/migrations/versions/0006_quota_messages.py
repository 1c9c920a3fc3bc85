"""how many messages an account may hold"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "accounts",
        sa.Column("quota_messages", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="0: unlimited"),
    )
    op.create_check_constraint(op.f("accounts_quota_messages_check"), "accounts", "quota_messages >= 0")


def downgrade() -> None:
    op.drop_column("accounts", "quota_messages")
