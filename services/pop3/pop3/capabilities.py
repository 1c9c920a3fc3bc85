"""CAPA (RFC 2449 §5): what holds on this connection, now."""

from pop3.protocol import END, Reply
from pop3.session import Session

ALWAYS = ("TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING")
LAST = ("UTF8 USER", "LANG", "IMPLEMENTATION Mailstead")


def capabilities(session: Session) -> bytes:
    """The whole answer. Nothing is listed that a client could not use at once."""
    settings = session.backend.settings
    names = [*ALWAYS, f"EXPIRE {settings.pop3_expire_days or 'NEVER'}"]
    if settings.pop3_login_delay_seconds:
        names.append(f"LOGIN-DELAY {settings.pop3_login_delay_seconds}")
    names += LAST
    if offered := mechanisms(session):
        names += ["USER", f"SASL {' '.join(offered)}"]
    if session.connection.tls_offered:
        names.append("STLS")
    lines = "".join(f"{name}\r\n" for name in names)
    return Reply(True, "capabilities follow").render() + lines.encode() + END


def mechanisms(session: Session) -> tuple[str, ...]:
    """None where passwords may not be sent: that takes TLS, or a network that the deployer trusts."""
    connection, backend = session.connection, session.backend
    allowed = connection.tls or backend.settings.allows_plaintext_auth(connection.peer_host)
    return backend.authenticator.mechanisms(connection.channel_binding) if allowed else ()
