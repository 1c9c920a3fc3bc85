"""what waits for other hosts in lanes: by destination, tenant and urgency"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue_recipients", sa.Column("tenant_id", sa.BigInteger(), nullable=True, comment="that of the message"))
    op.execute("UPDATE queue_recipients r SET tenant_id = m.tenant_id FROM queue_messages m WHERE m.queue_id = r.queue_id")
    op.alter_column("queue_recipients", "tenant_id", nullable=False)
    op.add_column(
        "queue_recipients",
        sa.Column("urgency", sa.SmallInteger(), nullable=False, server_default=sa.text("0"), comment="model.urgency"),
    )
    op.create_check_constraint(op.f("queue_recipients_urgency_check"), "queue_recipients", "urgency between 0 and 2")
    op.create_index(
        "queue_recipients_lane_idx",
        "queue_recipients",
        ["domain", "tenant_id", "urgency", "due_at"],
        postgresql_where=sa.text("state in ('waiting', 'leased')"),
    )


def downgrade() -> None:
    op.drop_index("queue_recipients_lane_idx", "queue_recipients")
    op.drop_column("queue_recipients", "urgency")
    op.drop_column("queue_recipients", "tenant_id")
