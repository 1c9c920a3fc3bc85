"""tombstones know what was given back"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("expunged", sa.Column("restored_at", sa.TIMESTAMP(timezone=True)))


def downgrade() -> None:
    op.drop_column("expunged", "restored_at")
