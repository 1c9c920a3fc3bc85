"""DKIM (RFC 6376, RFC 8301, RFC 8463): what a signature and a key say, canonical forms, and verifying."""
