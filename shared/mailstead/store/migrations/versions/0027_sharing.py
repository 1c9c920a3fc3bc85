"""mailboxes that others may use"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailbox_rights",
        sa.Column("account_id", sa.BigInteger(), nullable=False, comment="the owner"),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("grantee", sa.BigInteger(), nullable=False, comment="an account of the same tenant; 0: all of them"),
        sa.Column("rights", sa.Text(), nullable=False, comment="letters of RFC 4314 §2.1, none twice"),
        sa.CheckConstraint("rights ~ '^[lrswipkxtea]+$'", name=op.f("mailbox_rights_rights_check")),
        sa.CheckConstraint("grantee >= 0 and grantee <> account_id", name=op.f("mailbox_rights_grantee_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "mailbox_id"],
            ["mailboxes.account_id", "mailboxes.mailbox_id"],
            name=op.f("mailbox_rights_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "grantee", name=op.f("mailbox_rights_pkey")),
    )
    op.create_table(
        "shares",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("grantee", sa.BigInteger(), nullable=False, comment="as in mailbox_rights"),
        sa.Column("account_id", sa.BigInteger(), nullable=False, comment="the owner"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name=op.f("shares_tenant_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "grantee", "account_id", name=op.f("shares_pkey")),
    )
    op.create_index(op.f("shares_tenant_id_account_id_idx"), "shares", ["tenant_id", "account_id"])


def downgrade() -> None:
    op.drop_table("shares")
    op.drop_table("mailbox_rights")
