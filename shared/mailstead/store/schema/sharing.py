"""Mailboxes that their owners let others use (RFC 4314): the rights, and who has to look where for them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text

from mailstead.store.schema.base import metadata

mailbox_rights = Table(
    "mailbox_rights",
    metadata,
    Column("account_id", BigInteger, primary_key=True, comment="the owner"),
    Column("mailbox_id", BigInteger, primary_key=True),
    Column("grantee", BigInteger, primary_key=True, comment="an account of the same tenant; 0: all of them"),
    Column("rights", Text, nullable=False, comment="letters of RFC 4314 §2.1, none twice"),
    ForeignKeyConstraint(["account_id", "mailbox_id"], ["mailboxes.account_id", "mailboxes.mailbox_id"], ondelete="CASCADE"),
    CheckConstraint("rights ~ '^[lrswipkxtea]+$'", name="rights"),
    CheckConstraint("grantee >= 0 and grantee <> account_id", name="grantee"),
)

# What the rights of one account say is spread over the accounts that gave them. This says which those are, and may name some
# that give none any more.
shares = Table(
    "shares",
    metadata,
    Column("tenant_id", BigInteger, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True),
    Column("grantee", BigInteger, primary_key=True, comment="as in mailbox_rights"),
    Column("account_id", BigInteger, primary_key=True, comment="the owner"),
    Index(None, "tenant_id", "account_id"),
)
