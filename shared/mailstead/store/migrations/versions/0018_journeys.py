"""mail by its trace id"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("emails_trace_id_idx", "emails", ["trace_id"])


def downgrade() -> None:
    op.drop_index("emails_trace_id_idx")
