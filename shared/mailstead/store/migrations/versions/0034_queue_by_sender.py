"""the queue is listed by sender without a look at all of it"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("queue_messages_sender_idx", "queue_messages", ["sender", "queue_id"])


def downgrade() -> None:
    op.drop_index("queue_messages_sender_idx", "queue_messages")
