"""Sieve scripts, and what their runs remember"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sieve_scripts",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("revision", sa.Uuid(), nullable=False, comment="another one each time the text changes"),
        sa.Column("active", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(name) between 1 and 128", name=op.f("sieve_scripts_name_check")),
        sa.CheckConstraint("octet_length(text) between 1 and 1048576", name=op.f("sieve_scripts_text_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("sieve_scripts_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("sieve_scripts_pkey")),
    )
    op.create_index("sieve_scripts_active_idx", "sieve_scripts", ["account_id"], unique=True, postgresql_where=sa.text("active"))
    op.create_table(
        "sieve_marks",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False, comment="digest of what was answered (vacation) or seen (duplicate)"),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("length(mark) = 32", name=op.f("sieve_marks_mark_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("sieve_marks_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "mark", name=op.f("sieve_marks_pkey")),
    )
    op.create_index("sieve_marks_expires_at_idx", "sieve_marks", ["expires_at"])
