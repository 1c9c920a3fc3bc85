"""The POP3 service (RFC 1939): one session at a time over a snapshot of an account's INBOX.

May import `mailstead` (model, wire, store, bus, ops) and itself. `protocol`, `state` and `maildrop` are pure: no await, clock or
socket. It keeps the promise that nothing is deleted before QUIT, and that a `+OK` after QUIT follows the commit (D1).
"""
