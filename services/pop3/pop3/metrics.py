"""What this service counts."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

from mailstead.ops.metrics import SECONDS


@dataclass(frozen=True, slots=True)
class Pop3Metrics:
    """Label values come from closed lists: command names, `state.Ending`, names of `Failure`."""

    commands: Histogram
    answers: Counter
    logins: Counter
    sessions: Counter
    retrieved: Counter
    retrieved_octets: Counter
    deleted: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "Pop3Metrics":
        return cls(
            commands=Histogram(
                "mailstead_pop3_command_seconds",
                "Time from a command to its answer",
                ["command"],
                buckets=SECONDS,
                registry=registry,
            ),
            answers=Counter(
                "mailstead_pop3_answers",
                "Answers: ok, err, or unavailable where the failure is ours",
                ["command", "outcome"],
                registry=registry,
            ),
            logins=Counter("mailstead_pop3_logins", "Attempts to log in, by outcome", ["outcome"], registry=registry),
            sessions=Counter("mailstead_pop3_sessions", "Sessions ended, by how", ["ending"], registry=registry),
            retrieved=Counter("mailstead_pop3_retrieved", "Messages sent by RETR", registry=registry),
            retrieved_octets=Counter("mailstead_pop3_retrieved_octets", "Octets of messages sent by RETR", registry=registry),
            deleted=Counter("mailstead_pop3_deleted", "Messages deleted after QUIT", registry=registry),
        )
