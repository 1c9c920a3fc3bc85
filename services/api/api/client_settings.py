"""What mail programs ask a domain for before they know anything: Thunderbird's and Outlook's XML, Apple's profile."""

import plistlib
import uuid
from xml.sax.saxutils import escape

IMAPS, POP3S, SUBMISSIONS = 993, 995, 465
NAMESPACE = uuid.UUID("0f0a3f9c-6b1f-4f7e-9d3e-6b5a3c2d1e0f")  # of profiles, so that a new one replaces the old


def thunderbird(domain: str, host: str) -> str:
    """https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat"""

    def server(element: str, kind: str, port: int) -> str:
        return (
            f'<{element} type="{kind}"><hostname>{escape(host)}</hostname><port>{port}</port><socketType>SSL</socketType>'
            f"<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></{element}>"
        )

    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<clientConfig version="1.1">'
        f'<emailProvider id="{escape(domain)}"><domain>{escape(domain)}</domain><displayName>{escape(domain)}</displayName>'
        + server("incomingServer", "imap", IMAPS)
        + server("incomingServer", "pop3", POP3S)
        + server("outgoingServer", "smtp", SUBMISSIONS)
        + "</emailProvider></clientConfig>\n"
    )


def outlook(address: str, host: str) -> str:
    """POX Autodiscover, [MS-OXDSCLI] §2.2.4."""

    def protocol(kind: str, port: int) -> str:
        return (
            f"<Protocol><Type>{kind}</Type><Server>{escape(host)}</Server><Port>{port}</Port><SSL>on</SSL><SPA>off</SPA>"
            f"<AuthRequired>on</AuthRequired><LoginName>{escape(address)}</LoginName></Protocol>"
        )

    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">'
        '<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">'
        "<Account><AccountType>email</AccountType><Action>settings</Action>"
        + protocol("IMAP", IMAPS)
        + protocol("POP3", POP3S)
        + protocol("SMTP", SUBMISSIONS)
        + "</Account></Response></Autodiscover>\n"
    )


def apple(address: str, host: str) -> bytes:
    """A configuration profile without a password: the device asks for it."""
    mail = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"mail.{address}",
        "PayloadUUID": str(uuid.uuid5(NAMESPACE, f"mail {address}")).upper(),
        "PayloadDisplayName": address,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": address,
        "EmailAddress": address,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": host,
        "IncomingMailServerPortNumber": IMAPS,
        "IncomingMailServerUseSSL": True,
        "IncomingMailServerUsername": address,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": host,
        "OutgoingMailServerPortNumber": SUBMISSIONS,
        "OutgoingMailServerUseSSL": True,
        "OutgoingMailServerUsername": address,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"profile.{address}",
        "PayloadUUID": str(uuid.uuid5(NAMESPACE, address)).upper(),
        "PayloadDisplayName": address,
        "PayloadContent": [mail],
    }
    return plistlib.dumps(profile)
