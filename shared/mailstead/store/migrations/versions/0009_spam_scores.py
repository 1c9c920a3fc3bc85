"""Scores from which a domain's mail is junk, or refused"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "domains", sa.Column("junk_score", sa.Double(), comment="from which a message is junk; none: the service decides")
    )
    op.add_column("domains", sa.Column("reject_score", sa.Double(), comment="from which it is refused"))
    op.create_check_constraint(op.f("domains_scores_check"), "domains", "junk_score > 0 and reject_score > 0")
