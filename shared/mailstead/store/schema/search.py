"""What SEARCH looks text up in: the decoded text of mail, filled in after delivery, and what is still to be filled in."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, Table, Text, Uuid, text

from mailstead.store.schema.base import metadata

search_texts = Table(
    "search_texts",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("email_id", Uuid, primary_key=True),
    Column("header_length", Integer, nullable=False, comment="characters of `text` before its body"),
    Column("complete", Boolean, nullable=False, comment="false: too much text to be kept, so that the mail is read"),
    Column("text", Text, nullable=False, comment="wire.folded: a line for each header field, then the text parts"),
    Column("indexed", Boolean, nullable=False, server_default=text("false"), comment="whether `text` is in the trigram index"),
    CheckConstraint("header_length between 0 and length(text)", name="header_length"),
    Index(
        "search_texts_text_idx",
        "account_id",
        "text",
        postgresql_using="gin",
        postgresql_ops={"text": "gin_trgm_ops"},
        postgresql_where=text("indexed"),
    ),
    Index("search_texts_recent_idx", "account_id", "email_id", postgresql_where=text("NOT indexed")),
    Index("search_texts_incomplete_idx", "account_id", postgresql_where=text("NOT complete")),
)

search_pending = Table(
    "search_pending",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("email_id", Uuid, primary_key=True, comment="an email whose text is not in search_texts yet"),
)
