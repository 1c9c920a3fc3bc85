"""What this service counts."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mailstead.ops.metrics import SECONDS


@dataclass(frozen=True, slots=True)
class ImapMetrics:
    """Label values come from closed lists: names of commands, `state.Ending`, names of `Failure`."""

    commands: Histogram
    answers: Counter
    logins: Counter
    sessions: Counter
    idling: Gauge
    fetched: Counter
    fetched_octets: Counter
    appended: Counter
    append_octets: Gauge
    overflows: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "ImapMetrics":
        return cls(
            commands=Histogram(
                "mailstead_imap_command_seconds",
                "Time from a command to its tagged answer, IDLE aside",
                ["command"],
                buckets=SECONDS,
                registry=registry,
            ),
            answers=Counter(
                "mailstead_imap_answers",
                "Tagged answers: ok, no, bad, or unavailable where the failure is ours",
                ["command", "outcome"],
                registry=registry,
            ),
            logins=Counter("mailstead_imap_logins", "Attempts to log in, by outcome", ["outcome"], registry=registry),
            sessions=Counter("mailstead_imap_sessions", "Sessions ended, by how", ["ending"], registry=registry),
            idling=Gauge("mailstead_imap_idling", "Sessions now in IDLE", registry=registry),
            fetched=Counter("mailstead_imap_fetched", "Messages told of by FETCH", registry=registry),
            fetched_octets=Counter("mailstead_imap_fetched_octets", "Octets sent by FETCH", registry=registry),
            appended=Counter("mailstead_imap_appended", "Messages stored by APPEND", registry=registry),
            append_octets=Gauge("mailstead_imap_append_octets", "Octets of messages being appended", registry=registry),
            overflows=Counter(
                "mailstead_imap_notify_overflows", "Sessions told that too much happens for NOTIFY", registry=registry
            ),
        )
