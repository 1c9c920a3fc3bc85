"""how many accounts a domain may have, and for how long it keeps what is deleted"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("domains", sa.Column("max_accounts", sa.Integer(), comment="that it may have; none: as many as are made"))
    op.add_column(
        "domains",
        sa.Column(
            "retention_days", sa.Integer(), comment="for which deleted messages can be given back; none: the service decides"
        ),
    )
    op.create_check_constraint(op.f("domains_max_accounts_check"), "domains", "max_accounts > 0")
    op.create_check_constraint(op.f("domains_retention_days_check"), "domains", "retention_days > 0")


def downgrade() -> None:
    op.drop_column("domains", "retention_days")
    op.drop_column("domains", "max_accounts")
