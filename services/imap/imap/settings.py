"""What the environment tells this service beyond what it tells all of them."""

from pydantic import Field

from mailstead.ops.settings import LoginSettings, Port, ServiceSettings


class ImapSettings(ServiceSettings, LoginSettings):
    """`MAILSTEAD_IMAP_PORT` and so on; see `ServiceSettings` for the rest."""

    imap_port: Port = Field(default=2143, description="Port for IMAP with STARTTLS; 0 picks a free one")
    imap_tls_port: Port = Field(default=2993, description="Port for IMAP in TLS from the start; used when a certificate is given")
    imap_max_connections: int = Field(
        default=20_000, ge=1, description="Connections that each port of this replica holds at most"
    )
    imap_connections_per_account: int = Field(
        default=100,
        ge=0,
        description="Connections that one account may have at once, over all replicas; 0: any number. "
        "What they know of each other is some seconds old",
    )
    imap_connections_per_address: int = Field(
        default=200,
        ge=0,
        description="Connections that one address of clients (IPv6: /64) may have at once, over all replicas; 0: any number. "
        "Those of MAILSTEAD_LOGIN_SHARED_NETWORKS are not counted",
    )
    imap_count_seconds: float = Field(
        default=5, gt=0, le=60, description="How often replicas tell each other who has many connections, in seconds"
    )
    imap_login_seconds: float = Field(
        default=60, gt=0, description="How long a connection may be silent before it has logged in, in seconds"
    )
    imap_login_whole_seconds: float = Field(
        default=180, gt=0, description="How long a connection may take until it has logged in, whatever it says, in seconds"
    )
    imap_idle_seconds: float = Field(
        default=1860,
        gt=0,
        description="How long a session outside IDLE may be silent, in seconds; RFC 9051 asks for at least 1800",
    )
    imap_still_here_seconds: float = Field(
        default=240, gt=0, description="How often a session in IDLE hears `* OK Still here`, so that NAT keeps its connection"
    )
    imap_write_seconds: float = Field(
        default=60, gt=0, description="How long a client may take none of what it is sent until it is cut off, in seconds"
    )
    imap_catch_up_seconds: float = Field(
        default=30, gt=0, le=600, description="Longest time until a session hears of a change whose event was lost, in seconds"
    )
    imap_max_failures: int = Field(default=3, ge=1, description="Refused log-ins that end a connection")
    imap_failure_delay: float = Field(
        default=1, ge=0, le=30, description="Seconds that the first refused log-in waits for its answer"
    )
    imap_max_bad_commands: int = Field(
        default=20, ge=1, description="Lines in a row that are no command, or not now, that end a connection"
    )
    imap_max_command: int = Field(
        default=65_536, ge=8192, description="Octets of one command with its literals, the message of APPEND aside"
    )
    imap_search_read_octets: int = Field(
        default=1024 * 1024 * 1024,
        ge=1024,
        description="Octets of mail that one search reads at most where no index answers; beyond it is NO [LIMIT]",
    )
    imap_thread_messages: int = Field(default=100_000, ge=1, description="Messages that one THREAD puts in order at most")
    imap_progress_seconds: float = Field(
        default=10, ge=0, description="How often a client hears how far its long search is, in seconds (RFC 9585)"
    )
    imap_notify_mailboxes: int = Field(
        default=1_000, ge=1, description="Mailboxes of an account that NOTIFY watches at most; with more it is refused"
    )
    imap_notify_messages: int = Field(
        default=1_000, ge=0, description="New messages that NOTIFY tells more of than their number, at most at once"
    )
    imap_notify_seconds: float = Field(
        default=0.2, ge=0, description="How often a session reads at most what changed in its account for NOTIFY, in seconds"
    )
    imap_max_login_literal: int = Field(default=4096, ge=1024, description="Octets of one literal before log-in")
    imap_max_message: int = Field(
        default=50 * 1024 * 1024, ge=1024, description="Octets of one message that APPEND takes; told as APPENDLIMIT"
    )
    imap_append_budget: int = Field(
        default=512 * 1024 * 1024, ge=1024, description="Octets of messages that this replica holds while they are being appended"
    )
    imap_max_metadata: int = Field(
        default=16_384, ge=1024, le=1024 * 1024, description="Octets of one annotation that SETMETADATA takes"
    )
