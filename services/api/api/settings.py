"""What the environment tells this service beyond what it tells all of them."""

from typing import Literal

from pydantic import Field

from mailstead.ops.settings import DnsSettings, LoginSettings, Port, ServiceSettings, SieveSettings, WebhookSettings


class ApiSettings(ServiceSettings, LoginSettings, DnsSettings, SieveSettings, WebhookSettings):
    """`MAILSTEAD_API_PORT` and so on; see `ServiceSettings` for the rest."""

    api_port: Port = Field(default=8080, description="Port for HTTP; 0 picks a free one")
    api_tls: bool = Field(default=False, description="Speak HTTPS on that port, with the certificate that the settings name")
    api_max_body: int = Field(default=1024 * 1024, ge=1024, description="Octets of a request body at most")
    api_max_import: int = Field(default=32 * 1024 * 1024, ge=1024, description="Octets of an import of accounts at most")
    api_max_import_rows: int = Field(default=50_000, ge=1, description="Rows of an import of accounts at most")
    api_max_message: int = Field(
        default=50 * 1024 * 1024, ge=1024, description="Octets of a message that is uploaded or imported at most"
    )
    api_max_mail_import: int = Field(
        default=64 * 1024**3, ge=1024, description="Octets of an import of mail at most; no more than a part of it is in memory"
    )
    api_max_uploads: int = Field(default=4, ge=1, le=1000, description="Uploaded messages that are in memory at once; more wait")
    api_search_read: int = Field(
        default=256 * 1024 * 1024, ge=0, description="Octets of mail that one search reads at most where no index answers"
    )
    api_max_queue_action: int = Field(
        default=10_000,
        ge=1,
        description="Recipients that one request to the queue changes at most; it says where to go on",
    )
    api_max_requests: int = Field(default=1000, ge=1, description="Connections and requests at work at once; beyond it, 503")
    api_max_streams: int = Field(default=100, ge=1, description="Streams of events at once; beyond it, 429")
    api_max_streams_of_caller: int = Field(default=10, ge=1, description="Streams of events of one caller at once")
    api_stream_seconds: float = Field(
        default=300,
        gt=0,
        description="How long a stream of events lasts, in seconds; who follows comes back, and has to be allowed to still",
    )
    api_stream_look_seconds: float = Field(
        default=15,
        gt=0,
        description="Seconds between two looks for events to stream that NATS may not have told of; without NATS, one a second",
    )
    api_password_strength: int = Field(
        default=2, ge=0, le=4, description="How hard a password must be to guess that somebody sets, from 0 (anything) to 4"
    )
    api_verify_domains: bool = Field(
        default=False,
        description="Whether a domain that a caller of one tenant creates works only once DNS has shown that they own it",
    )
    api_deleted_days: float = Field(
        default=14,
        ge=0,
        le=3650,
        description="How long a domain or an account can be restored that is deleted from now on, in days",
    )
    api_sign_in_hours: float = Field(default=12, gt=0, le=720, description="How long who signs in stays signed in, in hours")
    api_secure_cookie: bool = Field(
        default=True, description="Whether browsers send the cookie of the web console only over HTTPS, or to localhost"
    )
    api_mail_host: str | None = Field(
        default=None,
        description="Name by which the world reaches mail here, for DNS records and clients; unset: this host's",
    )
    api_web_host: str | None = Field(
        default=None, description="Name by which the world reaches this API, for autoconfig and MTA-STS; unset: that of mail"
    )
    api_mta_sts_mode: Literal["none", "testing", "enforce"] = Field(
        default="testing", description="Mode of the MTA-STS policy that domains serve (RFC 8461)"
    )
    api_rate_per_second: float = Field(
        default=100, ge=0, description="Requests that a caller may send each second on average, over all replicas; 0: no limit"
    )
    api_rate_burst: int = Field(default=1000, ge=1, description="Requests that a caller may send at once")
    api_idle_seconds: int = Field(default=30, ge=1, description="How long an idle connection is kept, in seconds")
