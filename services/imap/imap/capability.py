"""What CAPABILITY says, before log-in and after (RFC 9051 §7.2.2)."""

from imap.rights import EXTRA
from imap.session import Session
from imap.state import NotAuthenticated

ALWAYS = (
    "IMAP4rev1",  # RFC 3501
    "IMAP4rev2",  # RFC 9051
    "LITERAL+",  # RFC 7888
    "ID",  # RFC 2971
    "ENABLE",  # RFC 5161
    "SASL-IR",  # RFC 4959
)
LOGGED_IN = (
    "NAMESPACE",  # RFC 2342
    "UNSELECT",  # RFC 3691
    "IDLE",  # RFC 2177
    "NOTIFY",  # RFC 5465
    "UIDPLUS",  # RFC 4315
    "MOVE",  # RFC 6851
    "CHILDREN",  # RFC 3348
    "SPECIAL-USE",  # RFC 6154
    "LIST-EXTENDED",  # RFC 5258
    "LIST-STATUS",  # RFC 5819
    "LIST-MYRIGHTS",  # RFC 8440
    "ACL",  # RFC 4314
    f"RIGHTS={EXTRA}",  # RFC 4314 §2.2
    "STATUS=SIZE",  # RFC 8438
    "ESEARCH",  # RFC 4731
    "CONDSTORE",  # RFC 7162
    "QRESYNC",  # RFC 7162
    "UIDONLY",  # RFC 9586
    "UTF8=ACCEPT",  # RFC 9755
    "BINARY",  # RFC 3516
    "MULTIAPPEND",  # RFC 3502
    "REPLACE",  # RFC 8508
    "OBJECTID",  # RFC 8474
    "SAVEDATE",  # RFC 8514
    "PREVIEW",  # RFC 8970
    "CREATE-SPECIAL-USE",  # RFC 6154
    "METADATA",  # RFC 5464
    "QUOTA",  # RFC 9208
    "QUOTA=RES-STORAGE",  # RFC 9208 §5.1
    "QUOTA=RES-MESSAGE",  # RFC 9208 §5.2
    "SEARCHRES",  # RFC 5182
    "WITHIN",  # RFC 5032
    "PARTIAL",  # RFC 9394
    "SORT",  # RFC 5256
    "SORT=DISPLAY",  # RFC 5957
    "ESORT",  # RFC 5267
    "THREAD=ORDEREDSUBJECT",  # RFC 5256
    "THREAD=REFERENCES",  # RFC 5256
    "MULTISEARCH",  # RFC 7377
    "INPROGRESS",  # RFC 9585
)


def capabilities(session: Session) -> str:
    """What is true now."""
    if not isinstance(session.state, NotAuthenticated):
        limit = session.backend.settings.imap_max_message
        compress = () if session.connection.compressed else ("COMPRESS=DEFLATE",)  # RFC 4978 §3
        return " ".join((*ALWAYS, *LOGGED_IN, *compress, f"APPENDLIMIT={limit}"))  # RFC 7889
    words = list(ALWAYS)
    if session.connection.tls_offered:
        words.append("STARTTLS")
    if login_allowed(session):
        words += [f"AUTH={name}" for name in session.backend.authenticator.mechanisms(session.connection.channel_binding)]
    else:
        words.append("LOGINDISABLED")
    return " ".join(words)


def login_allowed(session: Session) -> bool:
    connection = session.connection
    return connection.tls or session.backend.settings.allows_plaintext_auth(connection.peer_host)
