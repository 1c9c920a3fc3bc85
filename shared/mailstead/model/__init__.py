"""Frozen values that every floor speaks of: addresses, flags, sequence sets, failures, identifiers, mailbox names.

May import the standard library only. Nothing here does I/O, reads a clock that is not passed in, or knows a protocol's
spelling of a failure.
"""
