"""aliases, groups, forwards and what they need of the queue"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_EMPTY = sa.text("'{}'")
_FALSE, _TRUE = sa.text("false"), sa.text("true")


def upgrade() -> None:
    op.add_column("domains", sa.Column("alias_of", sa.BigInteger(), comment="the domain whose addresses it has"))
    op.create_foreign_key(op.f("domains_alias_of_fkey"), "domains", "domains", ["alias_of"], ["domain_id"])
    op.create_check_constraint(op.f("domains_alias_of_check"), "domains", "alias_of <> domain_id")
    op.create_index(op.f("domains_alias_of_idx"), "domains", ["alias_of"])

    columns: list[sa.Column[Any]] = [
        sa.Column("forwards", sa.ARRAY(sa.Text()), nullable=False, server_default=_EMPTY, comment="who gets what comes here"),
        sa.Column("keeps_copy", sa.Boolean(), nullable=False, server_default=_TRUE, comment="of what is forwarded"),
        sa.Column("files_tags", sa.Boolean(), nullable=False, server_default=_FALSE, comment="user+tag goes to mailbox tag"),
        sa.Column("send_as", sa.ARRAY(sa.Text()), nullable=False, server_default=_EMPTY, comment="others' addresses, @domains"),
    ]
    for column in columns:
        op.add_column("accounts", column)
    op.create_check_constraint(op.f("accounts_keeps_copy_check"), "accounts", "keeps_copy or forwards <> '{}'")
    op.create_check_constraint(
        op.f("accounts_lists_check"), "accounts", "cardinality(forwards) <= 20 and cardinality(send_as) <= 100"
    )

    columns = [
        sa.Column("domain_id", sa.BigInteger()),
        sa.Column("kind", sa.Text(), nullable=False, server_default=sa.text("'account'"), comment="account, alias or group"),
        sa.Column("targets", sa.ARRAY(sa.Text()), nullable=False, server_default=_EMPTY, comment="of the other kinds: addresses"),
        sa.Column("members_only", sa.Boolean(), nullable=False, server_default=_FALSE, comment="who may write to a group"),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=_TRUE),
    ]
    for column in columns:
        op.add_column("addresses", column)
    op.alter_column("addresses", "account_id", nullable=True, comment="of kind account")
    op.alter_column("addresses", "address", comment="lower case local-part@domain that we accept mail for, or @domain")
    op.execute("UPDATE addresses x SET domain_id = a.domain_id FROM accounts a WHERE a.account_id = x.account_id")
    op.alter_column("addresses", "domain_id", nullable=False)
    op.create_foreign_key(
        op.f("addresses_domain_id_fkey"), "addresses", "domains", ["domain_id"], ["domain_id"], ondelete="CASCADE"
    )
    op.create_index(op.f("addresses_domain_id_idx"), "addresses", ["domain_id"])
    for name, condition in (
        ("kind", "kind in ('account', 'alias', 'group')"),
        ("account", "(kind = 'account') = (account_id is not null)"),
        ("targets", "(kind = 'account') = (targets = '{}') and cardinality(targets) <= 1000"),
        ("members_only", "kind = 'group' or not members_only"),
    ):
        op.create_check_constraint(op.f(f"addresses_{name}_check"), "addresses", condition)

    op.create_table(
        "srs_keys",
        sa.Column("key_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "secret",
            sa.LargeBinary(),
            nullable=False,
            comment="HMAC-SHA-256 key under which senders are rewritten; the newest signs",
        ),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(secret) = 32", name=op.f("srs_keys_secret_check")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("srs_keys_pkey")),
    )
    # The first key; two version 4 UUIDs hold 244 bits of the server's strong randomness.
    op.execute(
        "INSERT INTO srs_keys (secret) SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))"
    )

    op.add_column(
        "queue_messages",
        sa.Column("report_to", sa.Text(), comment="of a forward: who is told what became of it, not the sender"),
    )
    op.add_column(
        "queue_messages",
        sa.Column("require_tls", sa.Boolean(), nullable=False, server_default=_FALSE, comment="REQUIRETLS (RFC 8689)"),
    )
