"""Where each part listens. All on loopback; each number is the usual one plus the shift."""

import socket
from dataclasses import asdict, dataclass

from mailstead_local.failure import LocalFailure

HOST = "127.0.0.1"
HIGHEST = 65535


@dataclass(frozen=True, slots=True)
class Ports:
    """The numbers of one running copy."""

    smtp: int = 2525
    submission: int = 2587
    submission_tls: int = 2465
    managesieve: int = 4190
    lmtp: int = 2424
    imap: int = 2143
    imap_tls: int = 2993
    pop3: int = 2110
    pop3_tls: int = 2995
    api: int = 8080
    nats: int = 2422
    observe_smtp_in: int = 9101
    observe_delivery: int = 9102
    observe_imap: int = 9103
    observe_pop3: int = 9104
    observe_api: int = 9105
    observe_jobs: int = 9106
    observe_smtp_in_2: int = 9111

    @classmethod
    def shifted(cls, shift: int) -> "Ports":
        """The usual ports, moved. Raises LocalFailure when one would be no port number."""
        numbers = {name: port + shift for name, port in asdict(cls()).items()}
        if not all(0 < number <= HIGHEST for number in numbers.values()):
            raise LocalFailure(f"MAILSTEAD_PORT_SHIFT={shift} moves a port out of 1 to {HIGHEST}")
        return cls(**numbers)

    def check_free(self) -> None:
        """Raises LocalFailure naming the first port that something else holds."""
        for name, number in asdict(self).items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, number))
                except OSError as error:
                    what = name.replace("_", " ")
                    raise LocalFailure(
                        f"port {number} ({what}) is taken: stop what listens there, or set MAILSTEAD_PORT_SHIFT"
                    ) from error
