"""SMTP ingress: the mail exchanger (port 25), submission (587) and submissions (465, TLS from the start); and ManageSieve (4190)
for the scripts that run on what comes in.

May import the shared floors and aiosmtpd (`server.py` and `handler.py` only). `session.py`, `grammar.py`, `content.py`,
`policy.py`, `resolve.py`, `replies.py`, `received.py`, `sieve/`, and `checks/` but for its `checker.py`, are pure: bytes and
values in, values out. Keeps promise D1 at the door: a 250 after the final dot is sent after the commit and for no other reason;
whatever is unexpected is a 451 (D5), and what a client makes this process hold is bounded (S3).
"""
