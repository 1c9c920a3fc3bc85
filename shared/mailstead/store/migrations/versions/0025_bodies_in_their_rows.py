"""bodies and header sections of ordinary size stay in their rows

A body of up to 8 KB was up to five rows of a TOAST table with an index of its own: more to write at ingest, and about 0.7 of the
time of reading a maildrop. Tuple sizes are counted in octets; 8160 is the most that a page holds.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE chunks SET (toast_tuple_target = 8160)")
    op.execute("ALTER TABLE contents SET (toast_tuple_target = 4080)")


def downgrade() -> None:
    op.execute("ALTER TABLE chunks RESET (toast_tuple_target)")
    op.execute("ALTER TABLE contents RESET (toast_tuple_target)")
