"""what clients note about accounts and mailboxes"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NAMED = "entry = lower(entry) and (starts_with(entry, '/private/') or starts_with(entry, '/shared/'))"


def upgrade() -> None:
    op.create_table(
        "account_metadata",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False, comment="lower case, as /private/comment"),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(_NAMED, name=op.f("account_metadata_entry_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("account_metadata_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "entry", name=op.f("account_metadata_pkey")),
    )
    op.create_table(
        "mailbox_metadata",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False, comment="lower case, as /private/comment"),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(_NAMED, name=op.f("mailbox_metadata_entry_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "mailbox_id"],
            ["mailboxes.account_id", "mailboxes.mailbox_id"],
            name=op.f("mailbox_metadata_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "entry", name=op.f("mailbox_metadata_pkey")),
    )


def downgrade() -> None:
    op.drop_table("mailbox_metadata")
    op.drop_table("account_metadata")
