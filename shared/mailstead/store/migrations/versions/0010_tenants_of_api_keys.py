"""API keys that reach one tenant; requests that may be sent again"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("tenant_id", sa.BigInteger(), comment="all that it reaches; none: all"))
    op.create_foreign_key(
        op.f("api_keys_tenant_id_fkey"), "api_keys", "tenants", ["tenant_id"], ["tenant_id"], ondelete="CASCADE"
    )
    op.create_index(op.f("api_keys_tenant_id_idx"), "api_keys", ["tenant_id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="as the client made it up"),
        sa.Column("request", sa.LargeBinary(), nullable=False, comment="SHA-256 of what was asked"),
        sa.Column("answer", sa.LargeBinary(), comment="enciphered under what only the caller has; none: at work"),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("idempotency_keys_pkey")),
    )
    op.create_index(op.f("idempotency_keys_expires_at_idx"), "idempotency_keys", ["expires_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("api_keys_tenant_id_idx"), "api_keys")
    op.drop_constraint(op.f("api_keys_tenant_id_fkey"), "api_keys")
    op.drop_column("api_keys", "tenant_id")
