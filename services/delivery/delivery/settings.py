"""What the environment tells delivery: `MAILSTEAD_DELIVERY_…`, beside what all services are told."""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from delivery.attempt import Limits
from delivery.breaker import BreakerPolicy
from delivery.dialogue import Credentials, Dialogue
from delivery.flights import Places
from delivery.pace import PacePolicy
from delivery.route import SmartHost
from delivery.rules import NO_RULE, Rule
from delivery.session_cache import Keeping
from delivery.settlement import Policy
from delivery.tls_policy import Least
from delivery.transport import Timeouts
from delivery.worker import Bounds
from mailstead.model.retry import RetryCurve
from mailstead.ops.settings import Port, ServiceSettings


def _literals(value: object) -> object:
    """`127.0.0.1, ::1` as a tuple of addresses."""
    if isinstance(value, str):
        return tuple(str(ip_address(part.strip())) for part in value.split(",") if part.strip())
    return value


def _smart_host(value: object) -> object:
    return (SmartHost.parse(value) if value else None) if isinstance(value, str) else value


def _seconds(default: float, description: str) -> float:
    number: float = Field(default=default, gt=0, le=86_400, description=description)
    return number


class DeliverySettings(ServiceSettings):
    """Times are in seconds."""

    observe_port: Port = Field(default=9102, description="Port for /livez, /readyz and /metrics; 0 picks a free one")

    delivery_port: int = Field(default=25, ge=1, le=65535, description="TCP port of other mail hosts")
    delivery_smart_host: Annotated[SmartHost | None, NoDecode, BeforeValidator(_smart_host)] = Field(
        default=None, description="host:port of a relay that takes everything, instead of looking for MX records"
    )
    delivery_smart_host_user: str | None = Field(default=None, description="As whom to log in there; needs a password and TLS")
    delivery_smart_host_password: SecretStr | None = Field(default=None, description="The password for it")
    delivery_smart_host_tls: Least = Field(
        default=Least.OPPORTUNISTIC,
        description="What that relay has to offer at least: opportunistic, encrypted, or verified (its certificate is looked at)",
    )
    delivery_rules_seconds: float = _seconds(10, "After this time the delivery rules are read again")
    delivery_allow_private_networks: bool = Field(
        default=False,
        description="Also connect to loopback, private and other addresses that are not of the public Internet",
    )
    delivery_ipv6: bool = Field(default=True, description="Look for IPv6 addresses of mail hosts too")
    delivery_dns_servers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_literals)] = Field(
        default=(), description="Addresses of DNS resolvers, comma-separated; none: those of /etc/resolv.conf"
    )
    delivery_dns_port: int = Field(default=53, ge=1, le=65535, description="Port of those resolvers")
    delivery_dns_seconds: float = _seconds(20, "Longest time for looking up one name")

    delivery_mta_sts: bool = Field(default=True, description="Ask domains for MTA-STS policies, and keep to them")
    delivery_dane: Literal["off", "opportunistic"] = Field(
        default="off",
        description="opportunistic: keep to TLSA records. Needs resolvers that validate, trusted and on a trusted network, as a "
        "resolver beside this service; others could forge what DANE is to prove",
    )
    delivery_mta_sts_port: Port = Field(default=443, description="TCP port of the hosts that serve these policies")
    delivery_tls_authorities: FilePath | None = Field(
        default=None, description="PEM file of the authorities that may vouch for mail and policy hosts; none: the system's"
    )

    delivery_in_flight: int = Field(
        default=100, ge=1, le=10_000, description="Attempts of this replica that talk to a host at most"
    )
    delivery_lingering: int = Field(
        default=1_000,
        ge=1,
        le=100_000,
        description="Attempts that wait for a session at most, and that linger; beyond them, who has waited longest is given up",
    )
    delivery_patience_seconds: float = _seconds(
        5, "After so long without a session an attempt lingers, and one more may begin in its place"
    )
    delivery_per_domain: int = Field(
        default=10, ge=1, le=10_000, description="Attempts to one domain at a time, while it takes them well"
    )
    delivery_per_domain_first: int = Field(
        default=2, ge=1, le=10_000, description="Attempts to a domain of which nothing is known yet"
    )
    delivery_less_urgent_seconds: float = Field(
        default=600,
        ge=0,
        le=86_400,
        description="Of what a tenant has for one domain, reports and replies of machines count as so much younger than what "
        "people write, and bulk mail as twice as much: for so long at most do they let later messages go before them",
    )
    delivery_lease_seconds: float = _seconds(120, "How long a claimed message is this replica's; renewed while it works on it")
    delivery_poll_seconds: float = _seconds(30, "Longest time between two looks at the queue, should no event come")
    delivery_attempt_seconds: float = _seconds(1800, "Longest time that one attempt may take, whatever the other host does")
    delivery_connections: int = Field(default=5, ge=1, le=50, description="Addresses of a domain that one attempt tries")
    delivery_sessions: int = Field(default=2, ge=1, le=50, description="Of those, hosts that one attempt talks to")

    delivery_idle_seconds: float = Field(
        default=5, ge=0, le=300, description="How long a connection waits for the next message to the same host"
    )
    delivery_idle_connections: int = Field(default=200, ge=0, le=10_000, description="Connections that wait so at most")
    delivery_transactions: int = Field(default=100, ge=1, le=10_000, description="Transactions on one connection at most")

    delivery_breaker_failures: int = Field(
        default=5, ge=1, le=10_000, description="After so many failures in a row to get a session, an address is left alone"
    )
    delivery_breaker_seconds: float = _seconds(60, "For how long at first; twice as long after each probe that fails")
    delivery_breaker_longest_seconds: float = _seconds(900, "For how long at most")

    delivery_retry_first_seconds: float = _seconds(300, "Pause after the first attempt that did not succeed")
    delivery_retry_factor: float = Field(default=2.0, ge=1, le=100, description="Growth of each pause over the one before")
    delivery_retry_longest_seconds: float = _seconds(14_400, "Longest pause between two attempts")
    delivery_retry_jitter: float = Field(default=0.2, ge=0, lt=1, description="Part of a pause by which chance moves it")
    delivery_suppress_days: float = Field(
        default=7,
        ge=0,
        description="How long a tenant does not write to an address that turned out not to exist, in days; 0: it does",
    )
    delivery_delay_notice_seconds: float = Field(
        default=14_400, gt=0, description="After this time in the queue a sender is told, once, that a message is late"
    )

    delivery_connect_timeout: float = _seconds(30, "For a TCP connection to come about")
    delivery_tls_timeout: float = _seconds(60, "For a TLS handshake")
    delivery_greeting_timeout: float = _seconds(300, "For the greeting (RFC 5321 §4.5.3.2.1)")
    delivery_hello_timeout: float = _seconds(300, "For the reply to EHLO, HELO, STARTTLS")
    delivery_envelope_timeout: float = _seconds(300, "For the reply to MAIL and RCPT (RFC 5321 §4.5.3.2.2, §4.5.3.2.3)")
    delivery_data_timeout: float = _seconds(120, "For the reply to DATA (RFC 5321 §4.5.3.2.4)")
    delivery_block_timeout: float = _seconds(180, "For a block of content to be taken (RFC 5321 §4.5.3.2.5)")
    delivery_final_timeout: float = _seconds(600, "For the reply to the final dot (RFC 5321 §4.5.3.2.6)")

    @field_validator("hostname")
    @classmethod
    def _hostname_in_ascii(cls, value: str) -> str:
        if not value.isascii() or any(c.isspace() for c in value):
            raise ValueError("the host name is said in EHLO: ASCII, without white space")
        return value

    @model_validator(mode="after")
    def _log_in_by_tls(self) -> Self:
        if self.delivery_smart_host_user is not None:
            if self.delivery_smart_host is None or self.delivery_smart_host_password is None:
                raise ValueError("delivery_smart_host_user needs delivery_smart_host and delivery_smart_host_password")
            if self.delivery_smart_host_tls is Least.OPPORTUNISTIC:
                raise ValueError("a password is sent by TLS alone: set delivery_smart_host_tls to encrypted or verified")
        return self

    @property
    def last_rule(self) -> Rule:
        """What holds where the operator made no rule in the database."""
        if self.delivery_smart_host is None:
            return NO_RULE
        credentials = None
        if self.delivery_smart_host_user is not None and self.delivery_smart_host_password is not None:
            credentials = Credentials(self.delivery_smart_host_user, self.delivery_smart_host_password.get_secret_value())
        return Rule(
            smart_host=self.delivery_smart_host,
            least=self.delivery_smart_host_tls,
            dialogue=Dialogue(credentials=credentials),
        )

    @property
    def bounds(self) -> Bounds:
        return Bounds(
            places=Places(self.delivery_in_flight, self.delivery_lingering, self.delivery_patience_seconds),
            lease=self.delivery_lease_seconds,
            poll=self.delivery_poll_seconds,
            attempt=self.delivery_attempt_seconds,
        )

    @property
    def pace(self) -> PacePolicy:
        return PacePolicy(self.delivery_per_domain_first, self.delivery_per_domain)

    @property
    def limits(self) -> Limits:
        return Limits(self.delivery_connections, self.delivery_sessions, self.delivery_in_flight)

    @property
    def keeping(self) -> Keeping:
        return Keeping(self.delivery_idle_seconds, self.delivery_idle_connections, self.delivery_transactions)

    @property
    def breaker(self) -> BreakerPolicy:
        return BreakerPolicy(self.delivery_breaker_failures, self.delivery_breaker_seconds, self.delivery_breaker_longest_seconds)

    @property
    def policy(self) -> Policy:
        curve = RetryCurve(
            first=timedelta(seconds=self.delivery_retry_first_seconds),
            factor=self.delivery_retry_factor,
            longest=timedelta(seconds=self.delivery_retry_longest_seconds),
            jitter=self.delivery_retry_jitter,
        )
        return Policy(curve, timedelta(seconds=self.delivery_delay_notice_seconds))

    @property
    def timeouts(self) -> Timeouts:
        return Timeouts(
            connect=self.delivery_connect_timeout,
            tls=self.delivery_tls_timeout,
            greeting=self.delivery_greeting_timeout,
            hello=self.delivery_hello_timeout,
            envelope=self.delivery_envelope_timeout,
            data=self.delivery_data_timeout,
            block=self.delivery_block_timeout,
            final=self.delivery_final_timeout,
        )
