"""domains and accounts that are deleted can be restored for a while"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLES = ("domains", "accounts")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("deleted_at", sa.TIMESTAMP(timezone=True)))
        op.add_column(table, sa.Column("erase_at", sa.TIMESTAMP(timezone=True)))
        op.add_column(table, sa.Column("was_active", sa.Boolean(), comment="before it was deleted"))
        op.create_check_constraint(
            op.f(f"{table}_deleted_check"),
            table,
            "(deleted_at is null) = (erase_at is null) and (deleted_at is null) = (was_active is null)",
        )
        op.create_check_constraint(op.f(f"{table}_deleted_inactive_check"), table, "deleted_at is null or not active")
        op.create_index(op.f(f"{table}_erase_at_idx"), table, ["erase_at"], postgresql_where=sa.text("erase_at is not null"))


def downgrade() -> None:
    for table in TABLES:
        for column in ("was_active", "erase_at", "deleted_at"):
            op.drop_column(table, column)
