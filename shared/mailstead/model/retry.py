"""When something is tried again that did not succeed, and when it is given up. Pure: the time and the chance are arguments."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryCurve:
    """Pauses that grow by `factor` from `first` to `longest`, each moved by up to `jitter` of itself to either side."""

    first: timedelta = timedelta(minutes=5)
    factor: float = 2.0
    longest: timedelta = timedelta(hours=4)
    jitter: float = 0.2


def next_attempt(curve: RetryCurve, attempts: int, now: datetime, expires_at: datetime, chance: float) -> datetime | None:
    """When to try again after the `attempts`th attempt (from 1) did not succeed; None when it has expired.

    `chance` lies in [0, 1). The last attempt falls on the expiry itself, so that nothing is given up untried.
    """
    if now >= expires_at:
        return None
    return min(now + pause(curve, attempts, chance), expires_at)


def pause(curve: RetryCurve, attempts: int, chance: float) -> timedelta:
    """The pause after the `attempts`th attempt, from 1."""
    exponent = min(max(attempts, 1) - 1, 64)  # beyond it every curve has reached its longest pause
    growth = min(curve.factor**exponent, curve.longest / curve.first)
    return curve.first * growth * (1 + curve.jitter * (2 * chance - 1))
