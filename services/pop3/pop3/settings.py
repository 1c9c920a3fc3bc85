"""What the environment tells this service beyond what it tells all of them."""

from pydantic import Field

from mailstead.ops.settings import LoginSettings, Port, ServiceSettings


class Pop3Settings(ServiceSettings, LoginSettings):
    """`MAILSTEAD_POP3_PORT` and so on; see `ServiceSettings` for the rest."""

    pop3_port: Port = Field(default=2110, description="Port for POP3 with STLS; 0 picks a free one")
    pop3_tls_port: Port = Field(default=2995, description="Port for POP3 in TLS from the start; used when a certificate is given")
    pop3_max_connections: int = Field(
        default=10_000, ge=1, description="Connections that each port of this replica holds at most"
    )
    pop3_login_seconds: float = Field(
        default=60, gt=0, description="How long a connection may be silent before it has logged in, in seconds"
    )
    pop3_idle_seconds: float = Field(
        default=600, gt=0, description="How long a session may be silent, in seconds; RFC 1939 asks for at least 600"
    )
    pop3_max_failures: int = Field(default=3, ge=1, description="Refused log-ins that end a connection")
    pop3_max_bad_commands: int = Field(
        default=20, ge=1, description="Lines that are no command, or not now, that end a connection"
    )
    pop3_failure_delay: float = Field(
        default=1, ge=0, le=30, description="Seconds that the first refused log-in waits for its answer"
    )
    pop3_login_delay_seconds: int = Field(
        default=0,
        ge=0,
        description="Seconds between two log-ins to one maildrop, on all replicas (LOGIN-DELAY); 0: none",
    )
    pop3_expire_days: int | None = Field(
        default=None,
        ge=1,
        description="Days after which mail is deleted at QUIT though the client left it on the server (EXPIRE); unset: never",
    )
    pop3_strict_utf8: bool = Field(
        default=False,
        description="Whether mail that came by SMTPUTF8 is refused to clients without UTF8 mode, as RFC 6856 has it. Most know "
        "no such mode, and stop fetching at a message that is refused",
    )
    pop3_lease_seconds: float = Field(
        default=15, ge=1, le=600, description="How long a maildrop stays locked when the replica that serves it is gone"
    )
