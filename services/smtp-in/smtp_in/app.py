"""How SMTP ingress is put together: store, bus, handlers, listeners. Wiring only."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.ops.authentication import Authenticator, service_authenticator
from mailstead.ops.connection import Connection
from mailstead.ops.database import service_database
from mailstead.ops.dns import Resolver
from mailstead.ops.events import service_bus
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.listener import Listener, serve
from mailstead.ops.settings import contains
from mailstead.ops.sockets import StartFailed
from mailstead.store.directory import Directory
from mailstead.store.greylist import Greylist
from mailstead.store.ingest import Ingest
from mailstead.store.limits import Limits as TokenBuckets
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.sieve_scripts import SieveScripts
from mailstead.store.suppressions import Complaints
from mailstead.wire import sieve
from smtp_in import replies
from smtp_in.abuse.door import Door, Manners, tokens
from smtp_in.accept import Acceptor
from smtp_in.allowance import Allowances
from smtp_in.arrival import Planner
from smtp_in.authorship import Authorship
from smtp_in.checks.checker import Checker
from smtp_in.checks.spam_filter import SpamFilter
from smtp_in.checks.verdict import Rules, Thresholds
from smtp_in.content import Budget, ContentLimits
from smtp_in.feedback import FeedbackReader
from smtp_in.filtering import Filter
from smtp_in.gate import Gate
from smtp_in.handler import Handler, Limits
from smtp_in.managesieve.replies import FULL
from smtp_in.managesieve.server import Backend, serve_session
from smtp_in.metrics import Metrics
from smtp_in.placing import Committer, Placer
from smtp_in.policy import MailboxRules, Role
from smtp_in.recipients import Recipients
from smtp_in.scripts import Scripts
from smtp_in.server import SmtpSession
from smtp_in.session import Service
from smtp_in.settings import Settings
from smtp_in.sieve.plan import DAY, Bounds


@dataclass(frozen=True, slots=True)
class Ports:
    """The listeners that are open; without a certificate there is no submissions."""

    mx: Listener
    submission: Listener
    submissions: Listener | None
    managesieve: Listener
    lmtp: Listener


@asynccontextmanager
async def smtp_in(settings: Settings, runtime: Runtime) -> AsyncIterator[None]:
    """Serve mail exchanger, submission, submissions and ManageSieve until left; leaving drains them."""
    budget = Budget(settings.smtp_content_budget)
    metrics = Metrics(runtime.registry, budget)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(service_database(settings, runtime))
        bus = await stack.enter_async_context(service_bus(settings, runtime))
        ingest = await stack.enter_async_context(
            Ingest(database, announce=bus.publish, max_batch=settings.ingest_batch, observe=metrics.batch)
        )
        authenticator = await stack.enter_async_context(service_authenticator(settings, runtime, database, bus))
        scripts = SieveScripts(database, max_scripts=settings.sieve_max_scripts)
        mailboxes = Mailboxes(database, bus.publish)
        await stack.enter_async_context(
            open_ports(
                settings,
                runtime,
                authenticator,
                Directory(database),
                scripts,
                mailboxes,
                TokenBuckets(database),
                Greylist(database, timedelta(seconds=settings.smtp_greylist_seconds)),
                Complaints(database),
                ingest,
                budget,
                metrics,
            )
        )
        yield


@asynccontextmanager
async def open_ports(
    settings: Settings,
    runtime: Runtime,
    authenticator: Authenticator,
    directory: Directory,
    scripts: SieveScripts,
    mailboxes: Mailboxes,
    buckets: TokenBuckets,
    greylist: Greylist,
    complaints: Complaints,
    committer: Committer,
    budget: Budget,
    metrics: Metrics,
) -> AsyncIterator[Ports]:
    """The listeners over whatever keeps directory and messages. Leaving drains sessions first, then commits under way."""
    async with AsyncExitStack() as stack:
        recipients = Recipients(directory)
        filters = _filter(settings, scripts, recipients, metrics)
        stack.callback(filters.close)
        placer = Placer(committer, recipients, filters, mailboxes.create)
        planners: list[Planner] = [Authorship(directory)] if settings.submission_checks_author else []
        if settings.smtp_checks:
            planners.append(await stack.enter_async_context(_gate(settings, directory, greylist, metrics)))
        if settings.smtp_feedback_addresses:
            lasts = timedelta(days=settings.smtp_feedback_days)
            planners.append(FeedbackReader(settings.smtp_feedback_addresses, complaints, lasts))
        acceptor = Acceptor(placer, budget, metrics, planners=planners, commit_seconds=settings.smtp_commit_seconds)
        await stack.enter_async_context(acceptor)
        handler = _handlers(settings, runtime, directory, recipients, authenticator, acceptor, budget, metrics, buckets)
        mx = await stack.enter_async_context(_listen(runtime, settings, handler("mx", Role.MX), settings.smtp_port))
        submission = await stack.enter_async_context(
            _listen(runtime, settings, handler("submission", Role.SUBMISSION), settings.submission_port)
        )
        submissions = None
        if runtime.tls is not None:
            submissions = await stack.enter_async_context(
                _listen(
                    runtime,
                    settings,
                    handler("submissions", Role.SUBMISSION),
                    settings.submission_tls_port,
                    implicit_tls=True,
                )
            )
        managesieve = await stack.enter_async_context(_listen_for_scripts(runtime, settings, scripts, authenticator, metrics))
        lmtp = await stack.enter_async_context(_listen(runtime, settings, handler("lmtp", Role.LMTP), settings.lmtp_port))
        yield Ports(mx, submission, submissions, managesieve, lmtp)


def _handlers(
    settings: Settings,
    runtime: Runtime,
    directory: Directory,
    recipients: Recipients,
    authenticator: Authenticator,
    acceptor: Acceptor,
    budget: Budget,
    metrics: Metrics,
    buckets: TokenBuckets,
) -> Callable[[str, Role], Handler]:
    """Makes the handler of one listener; look-ups and limits are shared by all."""
    limits = Limits(
        ContentLimits(message=settings.smtp_max_size, line=settings.smtp_max_line),
        placements=settings.smtp_max_placements,
        commands=settings.smtp_max_commands,
        errors=settings.smtp_max_errors,
        command_idle=settings.smtp_command_idle_seconds,
        content_idle=settings.smtp_content_idle_seconds,
        session=settings.smtp_session_seconds,
    )
    try:
        postmaster = Address.parse(settings.smtp_postmaster or f"postmaster@{settings.hostname}")
    except ValueError as error:
        raise StartFailed(f"MAILSTEAD_SMTP_POSTMASTER: {error}") from error

    rules, door = _rules(settings), _door(settings, buckets, metrics)
    allowances = Allowances(
        buckets,
        per_account=settings.submission_recipients_per_hour,
        per_tenant=settings.submission_tenant_recipients_per_hour,
    )

    def handler(name: str, role: Role) -> Handler:
        submits = role is Role.SUBMISSION
        service = Service(
            name=name,
            role=role,
            hostname=settings.hostname,
            max_size=settings.smtp_max_size,
            max_recipients=settings.smtp_max_recipients,
            offers_tls=runtime.tls is not None,
            offers_auth=submits,
            offers_dsn=role is not Role.MX or settings.smtp_dsn_for_strangers,
            future_release=timedelta(days=settings.submission_hold_days if submits else 0),
            shows_login=settings.submission_shows_login,
            shows_client=settings.submission_shows_client,
        )
        metrics.listener(name)
        return Handler(
            service=service,
            limits=limits,
            directory=directory,
            recipients=recipients,
            authenticator=authenticator,
            acceptor=acceptor,
            budget=budget,
            metrics=metrics,
            postmaster=postmaster,
            rules=rules,
            front_ends=settings.smtp_xclient_networks,
            allowances=allowances,
            door=door if role is Role.MX else None,
        )

    return handler


def _door(settings: Settings, buckets: TokenBuckets, metrics: Metrics) -> Door:
    return Door(
        connections=tokens(
            buckets, "connections", of_address=settings.smtp_address_connections, of_network=settings.smtp_network_connections
        ),
        messages=tokens(
            buckets, "messages", of_address=settings.smtp_address_messages, of_network=settings.smtp_network_messages
        ),
        manners=Manners(settings.smtp_greeting_pause_seconds, settings.smtp_tarpit_seconds, settings.smtp_max_unknown_recipients),
        trusted=settings.smtp_trusted_networks,
        metrics=metrics,
    )


@asynccontextmanager
async def _gate(settings: Settings, directory: Directory, greylist: Greylist, metrics: Metrics) -> AsyncIterator[Gate]:
    thresholds = Thresholds(settings.smtp_junk_score, settings.smtp_reject_score)
    async with AsyncExitStack() as stack:
        spam_filter = None
        if settings.smtp_rspamd_url is not None:
            spam_filter = await stack.enter_async_context(
                SpamFilter(
                    settings.smtp_rspamd_url, seconds=settings.smtp_rspamd_seconds, max_octets=settings.smtp_rspamd_max_size
                )
            )
        checker = Checker(
            Resolver(settings.dns_servers, settings.dns_port, seconds=settings.dns_seconds),
            host=settings.hostname,
            seconds=settings.smtp_check_seconds,
            threads=settings.smtp_check_threads,
            observe=metrics.check,
            lists=settings.smtp_dnsbl,
            spam_filter=spam_filter,
        )
        stack.push_async_callback(checker.close)
        rules = Rules(settings.smtp_dmarc, thresholds, settings.smtp_arc_sealers)
        gate = Gate(checker, rules, directory, settings.smtp_trusted_networks, metrics)
        match settings.smtp_greylist:
            case "off":
                yield gate
            case "doubtful":
                yield replace(gate, greylist=greylist)
            case "all":
                yield replace(gate, greylist=greylist, puts_off=lambda _: True)


def _rules(settings: Settings) -> MailboxRules:
    return MailboxRules(
        disabled=replies.for_failure(Failure.ACCOUNT_DISABLED)
        if settings.smtp_disabled_mailbox == "refuse"
        else replies.DISABLED_FOR_NOW,
        full=replies.for_failure(Failure.OVER_QUOTA) if settings.smtp_full_mailbox == "later" else replies.FULL_FOR_GOOD,
    )


def _filter(settings: Settings, scripts: SieveScripts, recipients: Recipients, metrics: Metrics) -> Filter:
    bounds = Bounds(
        steps=settings.sieve_max_steps,
        actions=settings.sieve_max_actions,
        redirects=settings.sieve_max_redirects,
        body_octets=settings.sieve_body_octets,
        answer_seconds=settings.sieve_vacation_days * DAY,
        least_answer_seconds=settings.sieve_vacation_least_seconds,
        most_seconds=settings.sieve_most_days * DAY,
    )
    return Filter(Scripts(scripts, _script_limits(settings)), recipients, _rules(settings), bounds, metrics)


@asynccontextmanager
async def _listen(
    runtime: Runtime, settings: Settings, handler: Handler, port: int, *, implicit_tls: bool = False
) -> AsyncIterator[Listener]:
    async def session(connection: Connection) -> None:
        if handler.service.role is Role.LMTP and not contains(settings.lmtp_networks, connection.peer_host):
            await connection.write(replies.NOT_FOR_YOU.wire)
            return
        may_log_in_plainly = handler.is_submission and settings.allows_plaintext_auth(connection.peer_host)
        await SmtpSession(connection, handler, may_log_in_plainly=may_log_in_plainly).converse()

    async with serve(
        runtime,
        settings,
        name=handler.service.name,
        port=port,
        session=session,
        implicit_tls=implicit_tls,
        max_connections=settings.smtp_max_connections,
        full=replies.TOO_MANY_CONNECTIONS.wire,
    ) as listener:
        yield listener


def _script_limits(settings: Settings) -> sieve.Limits:
    return sieve.Limits(octets=settings.sieve_max_script_octets, redirects=settings.sieve_max_redirects)


@asynccontextmanager
async def _listen_for_scripts(
    runtime: Runtime, settings: Settings, scripts: SieveScripts, authenticator: Authenticator, metrics: Metrics
) -> AsyncIterator[Listener]:
    backend = Backend(settings, authenticator, scripts, _script_limits(settings), metrics)
    async with serve(
        runtime,
        settings,
        name="managesieve",
        port=settings.managesieve_port,
        session=partial(serve_session, backend=backend),
        implicit_tls=False,
        max_connections=settings.managesieve_max_connections,
        full=FULL.render(),
    ) as listener:
        yield listener
