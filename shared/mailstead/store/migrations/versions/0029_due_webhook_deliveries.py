"""whether anything is to be sent to webhooks is one look"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "webhook_deliveries_due_at_idx", "webhook_deliveries", ["due_at"], postgresql_where=sa.text("state = 'pending'")
    )


def downgrade() -> None:
    op.drop_index("webhook_deliveries_due_at_idx", "webhook_deliveries")
