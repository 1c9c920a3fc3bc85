"""what can be given back is found by account and time"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("expunged", "reason", comment="expunge, move, replace, pop3 or mailbox deletion")
    op.create_index(
        "expunged_restorable_idx", "expunged", ["account_id", "expunged_at"], postgresql_where=sa.text("restored_at IS NULL")
    )


def downgrade() -> None:
    op.drop_index("expunged_restorable_idx", "expunged")
    op.alter_column("expunged", "reason", comment="expunge, move, pop3 or mailbox deletion")
