"""A mail client that mails itself: what users meet is measured where they meet it.

`python -m canary` makes one round trip through a running installation, over the network alone: SMTP submission, then IMAP and,
where asked for, POP3. It imports nothing of the services but their logging; the figures go to the API, which Prometheus asks.
"""
