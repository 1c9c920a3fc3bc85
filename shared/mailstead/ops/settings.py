"""What every service is told by its environment, and by nothing else: variables that begin with `MAILSTEAD_`."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mailstead.store.passwords import PROVED_SECONDS

Network = IPv4Network | IPv6Network
Port = Annotated[int, Field(ge=0, le=65535)]


def _networks(value: object) -> object:
    """`127.0.0.0/8, ::1` as a tuple; a bare address is the network of that one address."""
    if isinstance(value, str):
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    return value


def _literal_address(value: str) -> str:
    ip_address(value)
    return value


def contains(networks: tuple[Network, ...], host: str) -> bool:
    """Whether the address lies in one of them."""
    if not networks:
        return False
    address = ip_address(host)
    return any(address.version == network.version and address in network for network in networks)


def _literal_addresses(value: object) -> object:
    """`127.0.0.1, ::1` as a tuple of addresses."""
    if isinstance(value, str):
        return tuple(str(ip_address(part.strip())) for part in value.split(",") if part.strip())
    return value


Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
ListenHost = Annotated[str, BeforeValidator(_literal_address)]


_FROM_THE_ENVIRONMENT = SettingsConfigDict(env_prefix="MAILSTEAD_", frozen=True, extra="ignore")


_ISSUER = r"^https://[^\s?#]+$|^http://(?:127\.0\.0\.1|localhost)(?::\d+)?(?:/[^\s?#]*)?$"  # in the clear on this machine only


class ServiceSettings(BaseSettings):
    """What all services share. Each service adds its ports and limits in its own `settings.py`."""

    model_config = _FROM_THE_ENVIRONMENT

    database_url: SecretStr = Field(
        description="PostgreSQL as this service's own role: postgresql://role:password@host:port/name"
    )
    database_pool_size: int = Field(default=10, ge=1, le=200, description="Database connections that this replica holds at most")
    database_prepared_statements: bool = Field(
        default=True, description="Whether statements are prepared once for each connection; false behind PgBouncer before 1.21"
    )
    nats_url: str | None = Field(
        default=None, description="NATS servers, comma-separated; without it, changes are found by polling"
    )
    hostname: str = Field(description="The name this host gives itself to others: greetings, Received, Message-ID", min_length=1)
    listen_host: ListenHost = Field(
        default="127.0.0.1", description="Address to accept mail connections on; `0.0.0.0` or `::` (both families) in a container"
    )
    proxy_networks: Networks = Field(
        default=(),
        description="Networks, comma-separated, of load balancers that say by a PROXY header (version 1 or 2) who the client is. "
        "With it each mail port has a twin at its number + 1000 for them, and for them only",
    )
    share_ports: bool = Field(
        default=False, description="Whether replicas on this host listen on the same mail ports, so that each has its part"
    )
    observe_host: ListenHost = Field(default="127.0.0.1", description="Address for /livez, /readyz and /metrics")
    observe_port: Port = Field(description="Port for /livez, /readyz and /metrics; 0 picks a free one")
    tls_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate chain; read again when it changes"
    )
    tls_key: Path | None = Field(default=None, description="PEM file of the private key")
    plaintext_auth_networks: Networks = Field(
        default=(), description="Networks, comma-separated, from which a password may come without TLS"
    )
    drain_seconds: float = Field(
        default=20, ge=0, le=3600, description="How long sessions may go on after SIGTERM before they are cut"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level that is written")
    log_format: Literal["json", "console"] = Field(default="json", description="One JSON object per line, or text for people")

    @model_validator(mode="after")
    def _certificate_and_key_together(self) -> "ServiceSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("MAILSTEAD_TLS_CERTIFICATE and MAILSTEAD_TLS_KEY are given together or not at all")
        return self

    def allows_plaintext_auth(self, peer_host: str) -> bool:
        """Whether a password from this address may be accepted on a connection without TLS."""
        return contains(self.plaintext_auth_networks, peer_host)


class DnsSettings(BaseSettings):
    """Where services that ask DNS about strangers do so, beside ServiceSettings."""

    model_config = _FROM_THE_ENVIRONMENT

    dns_servers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_literal_addresses)] = Field(
        default=(), description="Addresses of DNS resolvers, comma-separated; none: those of /etc/resolv.conf"
    )
    dns_port: int = Field(default=53, ge=1, le=65535, description="Port of those resolvers")
    dns_seconds: float = Field(default=5, gt=0, le=60, description="Longest time for looking up one name")


class WebhookSettings(BaseSettings):
    """Where events may be sent, beside ServiceSettings."""

    model_config = _FROM_THE_ENVIRONMENT

    webhook_private_receivers: bool = Field(
        default=False,
        description="Whether webhooks may lead into private networks, and be without TLS: where all who make them are trusted",
    )


class LoginSettings(BaseSettings):
    """What is said of log-ins to each service that takes them."""

    model_config = _FROM_THE_ENVIRONMENT

    password_checks: int = Field(default=2, ge=1, le=64, description="Passwords that are verified at the same time at most")
    scram: bool = Field(
        default=False,
        description="Offer SCRAM-SHA-256, and -PLUS over TLS. Only accounts of domains that keep keys for it can log in by it, "
        "once their password was set: offer it where all domains do",
    )
    login_lock_pair: int = Field(
        default=10,
        ge=3,
        description="Failed log-ins to one account from one address after which it is locked out there",
    )
    login_lock_address: int = Field(
        default=50, ge=3, description="Failed log-ins from one address (IPv6: /64) after which it is locked out of all accounts"
    )
    login_lock_account: int = Field(
        default=200,
        ge=10,
        description="Failed log-ins to one account from anywhere after which only app passwords, and passwords that were right "
        "a short while ago (MAILSTEAD_LOGIN_REMEMBERED_SECONDS), are taken for it",
    )
    login_remembered_seconds: float = Field(
        default=PROVED_SECONDS,
        ge=0,
        le=86_400,
        description="How long a password that was right is known again without the cost of argon2: longer than mail clients wait "
        "between two looks. What is kept is a keyed hash, in memory; a changed password is refused at once all the same",
    )
    login_lock_first_seconds: float = Field(
        default=30, gt=0, description="How long the first lock lasts, in seconds; each further failure doubles it"
    )
    login_lock_longest_seconds: float = Field(default=3600, gt=0, description="How long a lock lasts at most, in seconds")
    login_forget_hours: float = Field(
        default=24, gt=0, le=168, description="After how many hours without a further one failed log-ins are forgotten"
    )
    login_shared_networks: Networks = Field(
        default=(),
        description="Networks, comma-separated, whose addresses each stand for many clients (webmail, a load balancer that hides "
        "its clients): they are not locked out as a whole",
    )

    login_recheck_seconds: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Longest time until a session ends whose password was changed or revoked where the event was lost",
    )
    oauth_issuer: str | None = Field(
        default=None,
        pattern=_ISSUER,
        description="OpenID Connect issuer whose tokens OAUTHBEARER and XOAUTH2 take: https://…, as its tokens say; "
        "unset: they are not offered",
    )
    oauth_audience: str = Field(default="mailstead", min_length=1, description="What tokens must name as their audience")
    oauth_jwks_url: str | None = Field(
        default=None, pattern=_ISSUER, description="Where the issuer publishes its keys; unset: where its configuration says"
    )
    oauth_account_claim: str = Field(
        default="email", min_length=1, description="The claim of a token that is the address of the account"
    )
    oauth_scope: str = Field(default="", description="A scope that tokens must have; empty: none")

    def shares_address(self, peer_host: str) -> bool:
        """Whether many clients come from this address."""
        return contains(self.login_shared_networks, peer_host)


class SieveSettings(BaseSettings):
    """What is said of Sieve scripts to each service that takes them in, beside ServiceSettings."""

    model_config = _FROM_THE_ENVIRONMENT

    sieve_max_scripts: int = Field(default=32, ge=1, le=1_000, description="Sieve scripts of one account at most")
    sieve_max_script_octets: int = Field(
        default=64 * 1024, ge=1024, le=1024 * 1024, description="Octets of one Sieve script at most"
    )
    sieve_max_redirects: int = Field(
        default=4, ge=0, le=100, description="Addresses that a Sieve script may redirect one message to at most"
    )


def explain(error: ValidationError) -> str:
    """All that is wrong with the environment, in one line and without the values, which may be secrets."""
    faults = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        name = "_".join(str(part) for part in fault["loc"][:1])
        reason = "is not set" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        faults.append(f"MAILSTEAD_{name.upper()}: {reason}" if name else reason)
    return "; ".join(faults)
