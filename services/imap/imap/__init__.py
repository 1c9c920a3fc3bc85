"""IMAP4rev1 (RFC 3501, in the spelling of RFC 9051) over stored mail.

May import the floors below; never another service, SQL or NATS. Keeps promises D1 and D6 towards IMAP clients, and P6: a session
holds four octets for each message of its mailbox, and one query brings its view up to date.
"""
