"""What SEARCH, SORT and THREAD compare is stored with an email, and its text is indexed"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_EMPTY = sa.text("'{}'")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")

    columns: list[sa.Column[Any]] = [
        sa.Column("folded", sa.ARRAY(sa.Text()), comment="wire.folded: the fields that SEARCH asks for most; null: read them"),
        sa.Column("sort_keys", sa.ARRAY(sa.Text()), nullable=False, server_default=_EMPTY, comment="wire.sorting, in its order"),
        sa.Column("is_reply", sa.Boolean(), nullable=False, server_default=sa.text("false"), comment="its subject says so"),
        sa.Column("ancestors", sa.ARRAY(sa.Text()), nullable=False, server_default=_EMPTY, comment="Message-IDs, nearest last"),
    ]
    for column in columns:
        op.add_column("emails", column)

    op.create_table(
        "search_texts",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("email_id", sa.Uuid(), nullable=False),
        sa.Column("header_length", sa.Integer(), nullable=False, comment="characters of `text` before its body"),
        sa.Column("complete", sa.Boolean(), nullable=False, comment="false: too much text to be kept, so that the mail is read"),
        sa.Column("text", sa.Text(), nullable=False, comment="wire.folded: a line for each header field, then the text parts"),
        sa.CheckConstraint("header_length between 0 and length(text)", name=op.f("search_texts_header_length_check")),
        sa.PrimaryKeyConstraint("account_id", "email_id", name=op.f("search_texts_pkey")),
    )
    op.create_index(
        "search_texts_text_idx",
        "search_texts",
        ["account_id", "text"],
        postgresql_using="gin",
        postgresql_ops={"text": "gin_trgm_ops"},
    )
    op.create_index("search_texts_incomplete_idx", "search_texts", ["account_id"], postgresql_where=sa.text("NOT complete"))
    op.create_table(
        "search_pending",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("email_id", sa.Uuid(), nullable=False, comment="an email whose text is not in search_texts yet"),
        sa.PrimaryKeyConstraint("account_id", "email_id", name=op.f("search_pending_pkey")),
    )
    op.execute("INSERT INTO search_pending SELECT account_id, email_id FROM emails")
