"""What a script may require (RFC 5228 §3.2, §6.1). Everything listed here works; nothing else is accepted."""

COMPARATOR_PREFIX = "comparator-"

EXTENSIONS = (
    "body",  # RFC 5173
    "comparator-i;ascii-casemap",  # RFC 4790 §9.2
    "comparator-i;ascii-numeric",  # RFC 4790 §9.1
    "comparator-i;octet",  # RFC 4790 §9.3
    "copy",  # RFC 3894
    "date",  # RFC 5260
    "duplicate",  # RFC 7352
    "encoded-character",  # RFC 5228 §2.4.2.4
    "envelope",  # RFC 5228 §5.4
    "environment",  # RFC 5183
    "ereject",  # RFC 5429
    "fileinto",  # RFC 5228 §4.1
    "imap4flags",  # RFC 5232
    "index",  # RFC 5260
    "mailbox",  # RFC 5490
    "reject",  # RFC 5429
    "relational",  # RFC 5231
    "subaddress",  # RFC 5233
    "vacation",  # RFC 5230
    "vacation-seconds",  # RFC 6131
    "variables",  # RFC 5229
)

WITHOUT_REQUIRE = frozenset({"comparator-i;octet", "comparator-i;ascii-casemap"})  # RFC 5228 §6.1

IMPLIED = {"vacation-seconds": "vacation"}  # RFC 6131 §2

ADVERTISED = tuple(name for name in EXTENSIONS if name not in WITHOUT_REQUIRE)
"""For the SIEVE capability of ManageSieve (RFC 5804 §1.7)."""
