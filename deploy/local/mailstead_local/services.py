"""The services: what to run, as which database role, listening where. A table, and the environment made from it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailstead.ops.own_certificate import Certificates
from mailstead.store.roles import ROLE_PREFIX
from mailstead_local.ports import HOST, Ports


@dataclass(frozen=True, slots=True)
class Service:
    """`listens`: environment variable -> field of `Ports`. `shares_ports`: with another replica."""

    name: str
    module: str
    observe: str
    listens: Mapping[str, str] = field(default_factory=dict)
    shares_ports: bool = False

    @property
    def role(self) -> str:
        return ROLE_PREFIX + self.module

    @property
    def argv(self) -> list[str]:
        """The entry point that a container image has too. `-P`: the working folder is no place to import from."""
        return [sys.executable, "-P", "-m", self.module]


_SMTP_IN = {
    "MAILSTEAD_SMTP_PORT": "smtp",
    "MAILSTEAD_SUBMISSION_PORT": "submission",
    "MAILSTEAD_SUBMISSION_TLS_PORT": "submission_tls",
    "MAILSTEAD_MANAGESIEVE_PORT": "managesieve",
    "MAILSTEAD_LMTP_PORT": "lmtp",
}

SERVICES: tuple[Service, ...] = (
    Service("smtp-in", "smtp_in", "observe_smtp_in", _SMTP_IN, shares_ports=True),
    Service("delivery", "delivery", "observe_delivery"),
    Service("imap", "imap", "observe_imap", {"MAILSTEAD_IMAP_PORT": "imap", "MAILSTEAD_IMAP_TLS_PORT": "imap_tls"}),
    Service("pop3", "pop3", "observe_pop3", {"MAILSTEAD_POP3_PORT": "pop3", "MAILSTEAD_POP3_TLS_PORT": "pop3_tls"}),
    Service("api", "api", "observe_api", {"MAILSTEAD_API_PORT": "api"}),
    Service("jobs", "jobs", "observe_jobs"),
)
REPLICAS: tuple[Service, ...] = (Service("smtp-in-2", "smtp_in", "observe_smtp_in_2", _SMTP_IN, shares_ports=True),)
"""What `up` starts besides, so that both cores of a small machine take in mail."""

BY_NAME: dict[str, Service] = {service.name: service for service in (*SERVICES, *REPLICAS)}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all services of one running copy have in common. `settings` are MAILSTEAD_ variables that the caller asks for."""

    hostname: str
    nats_url: str
    ports: Ports
    certificates: Certificates
    settings: Mapping[str, str]


def environment(service: Service, around: Surroundings, database_url: str) -> dict[str, str]:
    """The whole environment of one service: nothing of the caller's own leaks into it but PATH and the language."""
    mine = {
        "MAILSTEAD_DATABASE_URL": database_url,
        "MAILSTEAD_NATS_URL": around.nats_url,
        "MAILSTEAD_HOSTNAME": around.hostname,
        "MAILSTEAD_LISTEN_HOST": HOST,
        "MAILSTEAD_OBSERVE_HOST": HOST,
        "MAILSTEAD_OBSERVE_PORT": str(getattr(around.ports, service.observe)),
        "MAILSTEAD_TLS_CERTIFICATE": str(around.certificates.certificate),
        "MAILSTEAD_TLS_KEY": str(around.certificates.key),
        "MAILSTEAD_SHARE_PORTS": str(service.shares_ports),
        **{variable: str(getattr(around.ports, port)) for variable, port in service.listens.items()},
    }
    here = {
        "MAILSTEAD_IMAP_CONNECTIONS_PER_ADDRESS": "0",  # all clients have the one address of this machine
        "MAILSTEAD_WEBHOOK_PRIVATE_RECEIVERS": "true",  # so that one can be tried
    }
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **here, **around.settings, **mine}
