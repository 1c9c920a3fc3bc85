"""What an IMAP client may say: octets of one whole command in, one frozen value out; functions are named after the ABNF.

May import `model`, `wire` and nothing that does I/O. Keeps the part of promise S3 that concerns commands: size is bounded by
the framing before a parser sees anything, depth and counts are bounded here, and whatever the octets are, the only exception is
`BadSyntax`.
"""
