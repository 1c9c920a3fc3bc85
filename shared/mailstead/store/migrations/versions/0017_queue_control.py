"""the queue in an operator's hands: held, cancelled, paused"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "queue_pauses",
        sa.Column("pause_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), comment="whose mail it holds; null: everybody's"),
        sa.Column("domain", sa.Text(), comment="mail for this one; null: for all"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), comment="from then on what it holds is let go; the row goes last"),
        sa.CheckConstraint("tenant_id is not null or domain is not null", name=op.f("queue_pauses_scope_check")),
        sa.PrimaryKeyConstraint("pause_id", name=op.f("queue_pauses_pkey")),
    )
    op.create_index(
        "queue_pauses_scope_key",
        "queue_pauses",
        ["tenant_id", "domain"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.add_column(
        "queue_recipients",
        sa.Column("asked", sa.Text(), comment="what an operator wants of it, for the worker that has it or gets it next"),
    )
    op.add_column(
        "queue_recipients",
        sa.Column("pause_id", sa.BigInteger(), comment="the pause that holds it; null: held by hand, or not at all"),
    )
    op.drop_constraint(op.f("queue_recipients_state_check"), "queue_recipients")
    for name, condition in (
        ("state", "state in ('waiting', 'held', 'leased', 'delivered', 'failed', 'cancelled')"),
        (
            "asked",
            "asked is null or state = 'leased' and asked in ('hold', 'cancel', 'return')"
            " or state = 'waiting' and asked = 'return'",
        ),
        ("pause", "pause_id is null or state = 'held'"),
    ):
        op.create_check_constraint(op.f(f"queue_recipients_{name}_check"), "queue_recipients", condition)
    op.create_index("queue_recipients_held_idx", "queue_recipients", ["pause_id"], postgresql_where=sa.text("state = 'held'"))
    op.create_index(
        "queue_recipients_open_idx", "queue_recipients", ["domain", "queue_id"], postgresql_where=sa.text("settled_at is null")
    )
    op.create_index("queue_messages_tenant_idx", "queue_messages", ["tenant_id", "queue_id"])
    op.create_index("queue_messages_trace_id_idx", "queue_messages", ["trace_id"])


def downgrade() -> None:
    op.drop_index("queue_messages_trace_id_idx")
    op.drop_index("queue_messages_tenant_idx")
    op.drop_index("queue_recipients_open_idx")
    op.drop_index("queue_recipients_held_idx")
    op.execute("UPDATE queue_recipients SET state = 'failed' WHERE state = 'cancelled'")
    op.execute("UPDATE queue_recipients SET state = 'waiting', pause_id = NULL WHERE state = 'held'")
    for name in ("pause", "asked", "state"):
        op.drop_constraint(op.f(f"queue_recipients_{name}_check"), "queue_recipients")
    op.create_check_constraint(
        op.f("queue_recipients_state_check"), "queue_recipients", "state in ('waiting', 'leased', 'delivered', 'failed')"
    )
    op.drop_column("queue_recipients", "pause_id")
    op.drop_column("queue_recipients", "asked")
    op.drop_table("queue_pauses")
