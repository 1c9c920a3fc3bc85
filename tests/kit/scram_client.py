"""A SCRAM client of others' making, as imaplib and smtplib call the one who answers challenges."""

import ssl
from typing import Any

import scramp


class ScramAnswers:
    """One exchange; the answers to the server's challenges in order, the first to an empty one."""

    def __init__(self, mechanism: str, user: str, password: str, sock: ssl.SSLSocket) -> None:
        binding = ("tls-server-end-point", sock) if mechanism.endswith("-PLUS") else None
        make: Any = scramp.ScramClient  # without types
        self._client = make([mechanism], user, password, channel_binding=binding)
        self._asked = 0

    def __call__(self, challenge: bytes) -> str:
        self._asked += 1
        match self._asked:
            case 1:
                return str(self._client.get_client_first())
            case 2:
                self._client.set_server_first(challenge.decode())
                return str(self._client.get_client_final())
            case _:
                self._client.set_server_final(challenge.decode())
                return ""
