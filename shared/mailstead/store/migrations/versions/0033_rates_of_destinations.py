"""delivery rules may say how many messages a minute leave for a domain"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "delivery_rules",
        sa.Column(
            "messages_per_minute",
            sa.Integer(),
            nullable=True,
            comment="to one domain, over all replicas; null: as many as it takes",
        ),
    )
    op.create_check_constraint(op.f("delivery_rules_messages_per_minute_check"), "delivery_rules", "messages_per_minute > 0")


def downgrade() -> None:
    op.drop_column("delivery_rules", "messages_per_minute")
