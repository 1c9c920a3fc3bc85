"""domains whose owner was verified"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("domains", sa.Column("verified_at", sa.TIMESTAMP(timezone=True)))


def downgrade() -> None:
    op.drop_column("domains", "verified_at")
