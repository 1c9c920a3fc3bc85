"""messages whose sender wants them delivered whatever the recipient's domain says of TLS"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "queue_messages",
        sa.Column(
            "tls_optional",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="TLS-Required: No (RFC 8689 §5)",
        ),
    )


def downgrade() -> None:
    op.drop_column("queue_messages", "tls_optional")
