"""rules of how mail leaves"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), comment="whose mail; null: everybody's"),
        sa.Column(
            "domain",
            sa.Text(),
            nullable=False,
            comment="example.org, .example.org (all below it), or empty: any",
        ),
        sa.Column("host", sa.Text(), comment="the smart host; null: whom MX records name"),
        sa.Column("port", sa.Integer()),
        sa.Column("protocol", sa.Text(), server_default=sa.text("'smtp'"), nullable=False),
        sa.Column(
            "tls",
            sa.Text(),
            server_default=sa.text("'opportunistic'"),
            nullable=False,
            comment="what the host has to offer at least",
        ),
        sa.Column("username", sa.Text()),
        sa.Column("password", sa.Text()),
        sa.Column("source", sa.Text(), comment="the address of ours that connects"),
        sa.Column("hello", sa.Text(), comment="the name of that address"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(host is null) = (port is null)", name=op.f("delivery_rules_host_check")),
        sa.CheckConstraint(
            "protocol = 'smtp' or (protocol = 'lmtp' and host is not null)", name=op.f("delivery_rules_protocol_check")
        ),
        sa.CheckConstraint("tls in ('opportunistic', 'encrypted', 'verified')", name=op.f("delivery_rules_tls_check")),
        sa.CheckConstraint("(username is null) = (password is null)", name=op.f("delivery_rules_password_check")),
        sa.CheckConstraint(
            "username is null or (host is not null and tls <> 'opportunistic')", name=op.f("delivery_rules_username_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("delivery_rules_tenant_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("delivery_rules_pkey")),
    )
    op.create_index(
        "delivery_rules_key", "delivery_rules", ["tenant_id", "domain"], unique=True, postgresql_nulls_not_distinct=True
    )


def downgrade() -> None:
    op.drop_table("delivery_rules")
