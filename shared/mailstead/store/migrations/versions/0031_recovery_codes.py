"""codes for who has lost the program of their one-time passwords"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "totp_secrets",
        sa.Column(
            "recovery_codes",
            ARRAY(sa.LargeBinary()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="HMAC-SHA-256 of each",
        ),
    )
    op.create_check_constraint(op.f("totp_secrets_recovery_codes_check"), "totp_secrets", "cardinality(recovery_codes) <= 10")


def downgrade() -> None:
    op.drop_column("totp_secrets", "recovery_codes")
