"""What SMTP ingress counts and times. Labels come from closed lists: verbs, reply classes, listeners."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mailstead.ops.metrics import SECONDS, from_zero
from smtp_in.content import Budget
from smtp_in.replies import Reply

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
MESSAGE_OUTCOMES = ("2xx", "4xx", "5xx")


class Metrics:
    """The children of labelled metrics are looked up once: a look-up costs more than the counting."""

    def __init__(self, registry: CollectorRegistry, budget: Budget) -> None:
        self._commands = Counter(
            "mailstead_smtp_commands", "Commands answered, by class of reply", ["verb", "outcome"], registry=registry
        )
        self._messages = Counter(
            "mailstead_smtp_messages",
            "Messages after their final dot, by class of reply",
            ["listener", "outcome"],
            registry=registry,
        )
        self._octets = Counter("mailstead_smtp_message_octets", "Octets of messages taken", ["listener"], registry=registry)
        self._accept_seconds = Histogram(
            "mailstead_smtp_accept_seconds",
            "From the final dot to its reply, by class of reply",
            ["outcome"],
            buckets=SECONDS,
            registry=registry,
        )
        self._logins = Counter("mailstead_smtp_logins", "AUTH exchanges, by class of reply", ["outcome"], registry=registry)
        self._batch_size = Histogram(
            "mailstead_smtp_batch_messages", "Messages that shared a transaction", buckets=BATCHES, registry=registry
        )
        self._batch_seconds = Histogram(
            "mailstead_smtp_batch_seconds", "Time taken by such a transaction", buckets=SECONDS, registry=registry
        )
        self._scripts = Counter("mailstead_sieve_runs", "Runs of Sieve scripts, by outcome", ["outcome"], registry=registry)
        self._script_seconds = Histogram(
            "mailstead_sieve_seconds", "Time taken by such a run", buckets=SECONDS, registry=registry
        )
        self._managed = Histogram(
            "mailstead_managesieve_command_seconds",
            "Time from a command to its answer",
            ["command"],
            buckets=SECONDS,
            registry=registry,
        )
        self._managing_logins = Counter(
            "mailstead_managesieve_logins", "Attempts to log in, by outcome", ["outcome"], registry=registry
        )
        self._checks = Counter(
            "mailstead_smtp_checks", "Checks of messages from outside, by outcome", ["check", "outcome"], registry=registry
        )
        self._check_seconds = Histogram(
            "mailstead_smtp_check_seconds", "Time taken by such a check", ["check"], buckets=SECONDS, registry=registry
        )
        self._verdicts = Counter(
            "mailstead_smtp_verdicts", "What became of messages that were checked", ["fate"], registry=registry
        )
        self._turned_away = Counter(
            "mailstead_smtp_turned_away", "Clients put off before any message, by reason", ["reason"], registry=registry
        )
        held = Gauge("mailstead_smtp_content_octets", "Octets of messages held in memory", registry=registry)
        held.set_function(lambda: budget.held)
        self._command_counters: dict[tuple[str, str], Counter] = {}
        self._message_counters: dict[tuple[str, str], Counter] = {}

    def listener(self, name: str) -> None:
        """There is a listener of this name."""
        from_zero(self._messages, *((name, outcome) for outcome in MESSAGE_OUTCOMES))

    def command(self, verb: str, reply: Reply) -> None:
        """`verb` empty: a line that was no command."""
        key = (verb, reply.outcome)
        counter = self._command_counters.get(key)
        if counter is None:
            counter = self._command_counters[key] = self._commands.labels(verb or "none", reply.outcome)
        counter.inc()

    def message(self, listener: str, reply: Reply, octets: int, seconds: float) -> None:
        """A message has been answered; `seconds` since its final dot."""
        key = (listener, reply.outcome)
        counter = self._message_counters.get(key)
        if counter is None:
            counter = self._message_counters[key] = self._messages.labels(*key)
        counter.inc()
        self._accept_seconds.labels(reply.outcome).observe(seconds)
        if not reply.is_error and not reply.is_temporary:
            self._octets.labels(listener).inc(octets)

    def login(self, reply: Reply) -> None:
        self._logins.labels(reply.outcome).inc()

    def script(self, outcome: str, seconds: float) -> None:
        """A script has run: `done`, or `kept` where it failed and the message was kept."""
        self._scripts.labels(outcome).inc()
        self._script_seconds.observe(seconds)

    def managed(self, command: str, seconds: float) -> None:
        """A ManageSieve command was answered."""
        self._managed.labels(command).observe(seconds)

    def managing_login(self, outcome: str) -> None:
        self._managing_logins.labels(outcome).inc()

    def check(self, name: str, outcome: str, seconds: float) -> None:
        """A check is done; names and outcomes are those of RFC 8601."""
        self._checks.labels(name, outcome).inc()
        self._check_seconds.labels(name).observe(seconds)

    def turned_away(self, reason: str) -> None:
        """`connection_rate`, `message_rate`, `early_talker` or `unknown_recipients`."""
        self._turned_away.labels(reason).inc()

    def verdict(self, fate: str) -> None:
        """`keep`, `junk`, `defer` or `refuse`."""
        self._verdicts.labels(fate).inc()

    def batch(self, messages: int, seconds: float) -> None:
        """The store's report of a committed batch."""
        self._batch_size.observe(messages)
        self._batch_seconds.observe(seconds)
