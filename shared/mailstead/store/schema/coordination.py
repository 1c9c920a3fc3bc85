"""What replicas agree on: leases, limits, and what was asked before."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Double, Index, Integer, LargeBinary, Table, Text

from mailstead.store.schema.base import metadata, moment

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True, comment="job:NAME or maildrop:ACCOUNT"),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    moment("expires_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="as the client made it up"),
    Column("request", LargeBinary, nullable=False, comment="SHA-256 of what was asked"),
    Column("answer", LargeBinary, comment="enciphered under what only the caller has; none: at work"),
    moment("expires_at"),
    Index(None, "expires_at"),
)

limits = Table(
    "limits",
    metadata,
    Column("scope", Text, primary_key=True, comment="what is limited"),
    Column("subject", Text, primary_key=True, comment="whom or what it is counted for: an account, a network, a domain"),
    Column("tokens", Double, nullable=False, comment="left at `refilled_at`"),
    Column("granted", Integer, nullable=False, comment="by the last request"),
    moment("refilled_at"),
    CheckConstraint("tokens >= 0 and granted >= 0", name="tokens"),
)

session_counts = Table(
    "session_counts",
    metadata,
    Column("subject", Text, primary_key=True, comment="account:NUMBER or address:NETWORK"),
    Column("scope", Text, primary_key=True, comment="the protocol"),
    Column("replica", Text, primary_key=True, comment="whose word it is"),
    Column("sessions", Integer, nullable=False),
    moment("expires_at"),
    CheckConstraint("sessions > 0", name="sessions"),
)

greylist = Table(
    "greylist",
    metadata,
    Column("network", Text, primary_key=True, comment="of the client: /24, or /64"),
    Column("sender", Text, primary_key=True, comment="reverse-path; empty: the null sender"),
    moment("first_at"),
    Column("known", Boolean, nullable=False, comment="it has come back"),
    moment("expires_at"),
    Index(None, "expires_at"),
)
