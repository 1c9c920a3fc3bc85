"""app passwords, SCRAM keys, and failures that lock"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "domains",
        sa.Column(
            "scram",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="whether SCRAM keys of its accounts are kept",
        ),
    )
    op.create_table(
        "app_passwords",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("app_password_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="what its owner calls it"),
        sa.Column(
            "secret_hash",
            sa.LargeBinary(),
            nullable=False,
            comment="HMAC-SHA-256 of the random secret under the newest login key",
        ),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False, comment="the protocols that it is for"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("last_used_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint("length(secret_hash) = 32", name=op.f("app_passwords_secret_hash_check")),
        sa.CheckConstraint(
            "scopes <> '{}' and scopes <@ array['imap', 'pop3', 'smtp', 'sieve']",
            name=op.f("app_passwords_scopes_check"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("app_passwords_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "app_password_id", name=op.f("app_passwords_pkey")),
        sa.UniqueConstraint("account_id", "secret_hash", name=op.f("app_passwords_account_id_secret_hash_key")),
    )
    op.create_table(
        "scram_keys",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("stored_key", sa.LargeBinary(), nullable=False),
        sa.Column("server_key", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "iterations >= 4096 and length(stored_key) = 32 and length(server_key) = 32", name=op.f("scram_keys_keys_check")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("scram_keys_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("scram_keys_pkey")),
    )
    op.create_table(
        "login_failures",
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="an account, an address of clients, or both together, see `logins.py`"
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="since they were last forgotten"),
        sa.Column("last_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("failures > 0", name=op.f("login_failures_failures_check")),
        sa.PrimaryKeyConstraint("subject", name=op.f("login_failures_pkey")),
    )
    op.create_table(
        "login_keys",
        sa.Column("key_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "secret",
            sa.LargeBinary(),
            nullable=False,
            comment="for app passwords, and for salts of accounts that do not exist",
        ),
        sa.CheckConstraint("length(secret) = 32", name=op.f("login_keys_secret_check")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("login_keys_pkey")),
    )
    # Two version 4 UUIDs hold 244 bits of the server's strong randomness.
    op.execute(
        "INSERT INTO login_keys (secret) SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))"
    )
