"""sessions that end, and last log-ins"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "accounts",
        sa.Column(
            "session_epoch",
            sa.Integer(),
            nullable=False,
            server_default=sa.text("0"),
            comment="sessions of an earlier one are over",
        ),
    )
    op.create_table(
        "last_logins",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False, comment="imap, pop3, smtp or sieve"),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False, comment="the address that it came from"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("last_logins_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "protocol", name=op.f("last_logins_pkey")),
    )


def downgrade() -> None:
    op.drop_table("last_logins")
    op.drop_column("accounts", "session_epoch")
