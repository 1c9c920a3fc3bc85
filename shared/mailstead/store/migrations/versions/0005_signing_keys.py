"""keys that messages are signed with"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("domain_id", sa.BigInteger(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False, comment="RFC 6376 §3.1"),
        sa.Column("algorithm", sa.Text(), nullable=False, comment="rsa-sha256 or ed25519-sha256"),
        sa.Column("private_key", sa.LargeBinary(), nullable=False, comment="PKCS #8 in DER"),
        sa.Column("record", sa.Text(), nullable=False, comment="what the domain publishes"),
        sa.Column(
            "state", sa.Text(), server_default=sa.text("'published'"), nullable=False, comment="published, active or retired"
        ),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("activated_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("retired_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("algorithm in ('rsa-sha256', 'ed25519-sha256')", name=op.f("signing_keys_algorithm_check")),
        sa.CheckConstraint("state in ('published', 'active', 'retired')", name=op.f("signing_keys_state_check")),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domains.domain_id"], name=op.f("signing_keys_domain_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("domain_id", "selector", name=op.f("signing_keys_pkey")),
    )
    op.create_index(
        "signing_keys_active_key",
        "signing_keys",
        ["domain_id", "algorithm"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )


def downgrade() -> None:
    op.drop_table("signing_keys")
