"""What clients note about an account and its mailboxes (RFC 5464)."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, LargeBinary, Table, Text

from mailstead.store.schema.base import metadata

_NAMED = "entry = lower(entry) and (starts_with(entry, '/private/') or starts_with(entry, '/shared/'))"

account_metadata = Table(
    "account_metadata",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("entry", Text, primary_key=True, comment="lower case, as /private/comment"),
    Column("value", LargeBinary, nullable=False),
    CheckConstraint(_NAMED, name="entry"),
)

mailbox_metadata = Table(
    "mailbox_metadata",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("mailbox_id", BigInteger, primary_key=True),
    Column("entry", Text, primary_key=True, comment="lower case, as /private/comment"),
    Column("value", LargeBinary, nullable=False),
    ForeignKeyConstraint(["account_id", "mailbox_id"], ["mailboxes.account_id", "mailboxes.mailbox_id"], ondelete="CASCADE"),
    CheckConstraint(_NAMED, name="entry"),
)
