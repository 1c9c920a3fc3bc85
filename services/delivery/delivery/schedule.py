"""When the sender is told that a message is late; when it is tried again is said by `mailstead.model.retry`. Pure."""

from datetime import datetime, timedelta


def delay_is_news(queued_at: datetime, now: datetime, after: timedelta, already_told: bool) -> bool:
    """Whether the sender is to hear now that the message is late."""
    return not already_told and now - queued_at >= after
