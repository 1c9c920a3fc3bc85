"""tenants can be suspended, with all their domains"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tenants", sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.text("true")))
    op.add_column(
        "domains",
        sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.text("false"), comment="its tenant is suspended"),
    )


def downgrade() -> None:
    op.drop_column("domains", "held")
    op.drop_column("tenants", "active")
