"""people sign in: roles, tokens, one-time passwords"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "accounts",
        sa.Column("role", sa.Text(), nullable=False, server_default=sa.text("'owner'"), comment="of who signs in for it"),
    )
    op.create_check_constraint(op.f("accounts_role_check"), "accounts", "role in ('owner', 'tenant_admin', 'operator')")
    op.create_table(
        "sign_ins",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the random token"),
        sa.Column(
            "account_id",
            sa.BigInteger(),
            nullable=False,
            comment="no foreign key: without its account it is good for nothing",
        ),
        sa.Column("password_version", sa.Integer(), nullable=False, comment="of the account when it was made; as is"),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("sign_ins_pkey")),
    )
    op.create_index(op.f("sign_ins_expires_at_idx"), "sign_ins", ["expires_at"])
    op.create_table(
        "totp_secrets",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("last_step", sa.BigInteger(), nullable=False, server_default=sa.text("0"), comment="no code is taken twice"),
        sa.CheckConstraint("length(secret) = 20", name=op.f("totp_secrets_secret_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("totp_secrets_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("totp_secrets_pkey")),
    )


def downgrade() -> None:
    op.drop_table("totp_secrets")
    op.drop_table("sign_ins")
    op.drop_constraint(op.f("accounts_role_check"), "accounts")
    op.drop_column("accounts", "role")
