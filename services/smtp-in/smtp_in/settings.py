"""What SMTP ingress is told by its environment, beside what every service is told."""

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from mailstead.ops.settings import DnsSettings, LoginSettings, Networks, Port, ServiceSettings, SieveSettings
from smtp_in.checks.dnsbl import Zone

MEBIBYTE = 1024 * 1024
LISTED_SCORE = 5.0
UNCHECKED = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")


def _zones(value: object) -> object:
    """`list.example, other.example=2.5` as zones; one that has no score of its own is worth Junk."""
    if isinstance(value, str):
        return tuple(Zone.parse(part, LISTED_SCORE) for part in value.split(",") if part.strip())
    return value


def _lower_case_set(value: object) -> object:
    if isinstance(value, str):
        return frozenset(part.strip().lower() for part in value.split(",") if part.strip())
    return value


class Settings(ServiceSettings, DnsSettings, LoginSettings, SieveSettings):
    """Ports, limits and times of SMTP ingress. A port of 0 picks a free one."""

    smtp_port: Port = Field(default=2525, description="Mail exchanger: mail from anybody for our own domains")
    submission_port: Port = Field(default=2587, description="Submission with STARTTLS and AUTH")
    submission_tls_port: Port = Field(
        default=2465, description="Submission with TLS from the start; used when a certificate is given"
    )
    lmtp_port: Port = Field(default=2424, description="LMTP, for mail that another mail server has taken in")
    lmtp_networks: Networks = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1")),
        description="Networks, comma-separated, from which LMTP is spoken; others are turned away",
    )
    smtp_xclient_networks: Networks = Field(
        default=(), description="Networks, comma-separated, of front ends that say by XCLIENT whom they speak for"
    )
    smtp_dsn_for_strangers: bool = Field(
        default=False, description="Whether other mail hosts may ask for reports of success, which may go to forged senders"
    )
    submission_recipients_per_hour: int = Field(
        default=2_000, ge=0, description="Recipients that one account may write to in an hour, over all replicas; 0: no limit"
    )
    submission_tenant_recipients_per_hour: int = Field(
        default=0, ge=0, description="Recipients that all accounts of a tenant may write to in an hour; 0: no limit"
    )
    submission_checks_author: bool = Field(
        default=True, description="Whether From and Sender of a submitted message must belong to its account, as MAIL must"
    )
    submission_shows_login: bool = Field(default=False, description="Whether Received names the account that submitted")
    submission_shows_client: bool = Field(
        default=True, description="Whether Received names the host that a message was submitted from, and its address"
    )
    submission_hold_days: int = Field(
        default=30, ge=0, le=365, description="How long a message may be held before it leaves (FUTURERELEASE); 0: not offered"
    )
    smtp_max_connections: int = Field(default=2_000, ge=1, description="Connections to each port at most")
    smtp_max_size: int = Field(default=64 * MEBIBYTE, ge=64 * 1024, description="Octets of one message at most")
    smtp_max_recipients: int = Field(default=1_000, ge=100, description="Recipients of one message at most")
    smtp_max_placements: int = Field(
        default=10_000,
        ge=1_000,
        description="Mailboxes and remote addresses that the recipients of one message come to at most",
    )
    smtp_disabled_mailbox: Literal["refuse", "later"] = Field(
        default="refuse", description="What a sender to a disabled account hears: 5xx for good, or 4xx"
    )
    smtp_full_mailbox: Literal["refuse", "later"] = Field(
        default="later", description="What a sender to an account over its quota hears: 5xx for good, or 4xx"
    )
    smtp_max_line: int = Field(default=1_000, ge=1_000, description="Octets of one line of a message at most, with its CRLF")
    smtp_max_commands: int = Field(default=2_000, ge=100, description="Commands of one connection at most")
    smtp_max_errors: int = Field(default=20, ge=1, description="Replies 5xx after which a connection is closed")
    smtp_content_budget: int = Field(
        default=256 * MEBIBYTE,
        ge=MEBIBYTE,
        description="Octets of messages that this replica takes in at one time; beyond them senders hear 452. "
        "The process needs about three times as much memory",
    )
    smtp_command_idle_seconds: float = Field(default=300, ge=1, description="How long a client may be silent between commands")
    smtp_content_idle_seconds: float = Field(default=180, ge=1, description="How long a client may be silent within a message")
    smtp_session_seconds: float = Field(default=3_600, ge=10, description="How long a connection may last")
    smtp_commit_seconds: float = Field(default=60, ge=1, description="How long the store may take for a message before a 451")
    smtp_postmaster: str | None = Field(
        default=None, description="Who gets mail for <postmaster> without a domain; unset: postmaster at the host name"
    )
    smtp_checks: bool = Field(
        default=True, description="Whether SPF, DKIM, DMARC and reverse names of messages from outside are looked at"
    )
    smtp_check_seconds: float = Field(
        default=10, gt=0, le=120, description="How long all checks of a message may take; beyond it mail goes on without them"
    )
    smtp_check_threads: int = Field(
        default=2, ge=1, le=64, description="Large messages whose signatures are verified at the same time at most"
    )
    smtp_trusted_networks: Networks = Field(
        default=tuple(ip_network(network) for network in UNCHECKED),
        description="Networks, comma-separated, whose mail is not checked, nor its rate: relays and balancers of one's own",
    )
    smtp_dmarc: Literal["none", "junk", "reject"] = Field(
        default="junk",
        description="The most that is done to a message that fails DMARC, where its domain's policy asks for as much",
    )
    smtp_arc_sealers: Annotated[frozenset[str], NoDecode, BeforeValidator(_lower_case_set)] = Field(
        default=frozenset(),
        description="Domains, comma-separated, of forwarders and lists that are believed that DMARC had passed (ARC)",
    )
    smtp_address_connections: int = Field(
        default=300, ge=0, description="Connections of one address to the mail exchanger in a minute, over all replicas; 0: any"
    )
    smtp_network_connections: int = Field(
        default=1_500, ge=0, description="Connections of one network (/24, IPv6 /64) in a minute, over all replicas; 0: any"
    )
    smtp_address_messages: int = Field(
        default=600, ge=0, description="Messages of one address to the mail exchanger in a minute, over all replicas; 0: any"
    )
    smtp_network_messages: int = Field(
        default=3_000, ge=0, description="Messages of one network (/24, IPv6 /64) in a minute, over all replicas; 0: any"
    )
    smtp_greeting_pause_seconds: float = Field(
        default=0, ge=0, le=60, description="How long a stranger waits for the greeting; who talks before it is not served"
    )
    smtp_max_unknown_recipients: int = Field(
        default=20, ge=1, description="Recipients that nobody knows after which a stranger's connection is closed"
    )
    smtp_tarpit_seconds: float = Field(
        default=1, ge=0, le=60, description="How long a stranger waits for the reply to a recipient that nobody knows"
    )
    smtp_dnsbl: Annotated[tuple[Zone, ...], NoDecode, BeforeValidator(_zones)] = Field(
        default=(),
        description="DNS lists of addresses, comma-separated, each as `domain` or `domain=score` (what being on it adds)",
    )
    smtp_rspamd_url: str | None = Field(
        default=None,
        description="Where rspamd listens, as http://host:11333; its verdict then counts, not that of lists",
    )
    smtp_rspamd_seconds: float = Field(
        default=8, gt=0, le=120, description="How long rspamd may take for a message; beyond it mail goes on without it"
    )
    smtp_rspamd_max_size: int = Field(
        default=20 * MEBIBYTE, ge=1024, description="Octets of a message beyond which rspamd is not asked"
    )
    smtp_feedback_addresses: Annotated[frozenset[str], NoDecode, BeforeValidator(_lower_case_set)] = Field(
        default=frozenset(),
        description="Addresses here, comma-separated, at which other hosts' feedback reports (RFC 5965) arrive: who complains is "
        "not written to again by the tenant that wrote to them",
    )
    smtp_feedback_days: float = Field(
        default=365, gt=0, le=36_500, description="How long who complained is not written to again, in days"
    )
    smtp_greylist: Literal["off", "doubtful", "all"] = Field(
        default="off",
        description="Whose first message is put off until they come again: of those whose address, sender or content is "
        "doubtful, or of all strangers",
    )
    smtp_greylist_seconds: float = Field(
        default=120, gt=0, le=3_600, description="How long after the first attempt a second one is taken"
    )
    smtp_junk_score: float = Field(
        default=5, gt=0, description="Score from which a message is filed in Junk, where neither its domain nor rspamd says so"
    )
    smtp_reject_score: float | None = Field(
        default=None, gt=0, description="Score from which a message is refused, where neither its domain nor rspamd says so"
    )
    ingest_batch: int = Field(default=64, ge=1, le=1_000, description="Messages that share one transaction at most")
    sieve_max_steps: int = Field(
        default=20_000,
        ge=100,
        description="Steps of a Sieve script for one message at most, each of about 2,000 octets compared",
    )
    sieve_max_actions: int = Field(default=32, ge=1, le=1_000, description="Actions of a Sieve script on one message at most")
    sieve_body_octets: int = Field(
        default=1024 * 1024, ge=1024, description="Octets of a message's body that a Sieve script sees"
    )
    sieve_vacation_days: int = Field(
        default=7, ge=1, le=90, description="Days between two vacation responses to one sender, where the script names none"
    )
    sieve_vacation_least_seconds: int = Field(
        default=60, ge=1, description="Seconds between two vacation responses to one sender at least"
    )
    sieve_most_days: int = Field(
        default=90, ge=31, le=3650, description="Days that responses and duplicates are remembered at most (RFC 5230, RFC 7352)"
    )
    managesieve_port: Port = Field(default=4190, description="ManageSieve with STARTTLS")
    managesieve_max_connections: int = Field(default=1_000, ge=1, description="Connections to that port at most")
    managesieve_login_seconds: float = Field(
        default=60, gt=0, description="How long a ManageSieve client may be silent before it has logged in"
    )
    managesieve_idle_seconds: float = Field(
        default=1_800, gt=0, description="How long it may be silent after; RFC 5804 asks for at least 1800"
    )
    managesieve_max_failures: int = Field(default=3, ge=1, description="Refused log-ins that end a ManageSieve connection")
    managesieve_failure_delay: float = Field(
        default=1,
        ge=0,
        le=30,
        description="Seconds that the first refused ManageSieve log-in waits for its answer",
    )
    managesieve_max_errors: int = Field(
        default=20, ge=1, description="Lines that are no command, or not now, that end a ManageSieve connection"
    )
