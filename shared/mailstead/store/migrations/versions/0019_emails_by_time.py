"""the mail of the last hours is found by when it came, at next to no cost for who files it"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "emails_created_at_idx", "emails", ["created_at"], postgresql_using="brin", postgresql_with={"autosummarize": True}
    )


def downgrade() -> None:
    op.drop_index("emails_created_at_idx", "emails")
