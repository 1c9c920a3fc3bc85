"""A journey told in the order in which it happened. Pure: rows in, events out.

A message that came over the wire has our Received field before it; what has none was made here: a report on the message, under
the same trace id.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from api.schemas.journey import JourneyEvent, JourneyOut, Kind
from mailstead.store.journey import Filed, Journey, Left
from mailstead.wire.headers import decode_value, fields

_OUTCOMES: dict[str, Kind] = {"delivered": "delivered", "deferred": "deferred", "failed": "failed"}
_ENDED: dict[str, Kind] = {"held": "held", "cancelled": "cancelled"}  # what no attempt tells of


def told(trace_id: str, journey: Journey) -> JourneyOut:
    """Raises ValueError for a journey of which nothing is known."""
    if not journey.filed and not journey.left:
        raise ValueError("there is no such journey")
    events = [*_received(journey), *_filed(journey), *_left(journey)]
    of_message = [row for row in journey.filed if _field(row.prefix, b"received")]
    return JourneyOut(
        trace_id=trace_id,
        message_id=of_message[0].message_id if of_message else None,
        size=of_message[0].size if of_message else next((row.size for row in journey.left), None),
        events=sorted(events, key=lambda event: event.at),
    )


def _received(journey: Journey) -> Iterator[JourneyEvent]:
    """Once, however many copies there are."""
    arrivals: list[tuple[datetime, bytes, str | None]] = [(row.filed_at, row.prefix, None) for row in journey.filed]
    arrivals += [(row.queued_at, row.prefix, row.sender) for row in journey.left]
    for at, prefix, sender in sorted(arrivals, key=lambda arrival: arrival[0]):
        if received := _field(prefix, b"received"):
            path = _field(prefix, b"return-path")
            yield JourneyEvent(
                at=at,
                kind="received",
                sender=sender if sender is not None else path and path.strip("<>"),
                detail=received,
                verdicts=_field(prefix, b"authentication-results"),
            )
            return


def _filed(journey: Journey) -> Iterator[JourneyEvent]:
    for row in journey.filed:
        if row.mailbox is None:
            continue
        place: dict[str, Any] = {"account_id": row.account_id, "recipient": row.address, "mailbox": row.mailbox, "uid": row.uid}
        made_here = _is_made_here(row)
        yield JourneyEvent(at=row.filed_at, kind="report_filed" if made_here else "filed", **place)
        if row.removed_at is not None:
            yield JourneyEvent(at=row.removed_at, kind="removed", detail=f"{row.reason} by {row.actor}", **place)


def _left(journey: Journey) -> Iterator[JourneyEvent]:
    messages = {row.queue_id: row for row in journey.left}
    for row in journey.left:
        yield JourneyEvent(
            at=row.queued_at,
            kind="report_queued" if _is_made_here(row) else "queued",
            queue_id=row.queue_id,
            account_id=row.account_id,
            sender=row.sender,
        )
    for tried in journey.tries:
        yield JourneyEvent(
            at=tried.started_at,
            kind=_OUTCOMES[tried.outcome],
            queue_id=tried.queue_id,
            recipient=tried.recipient,
            host=tried.host,
            host_address=tried.address,
            tls=tried.tls,
            seconds=tried.duration,
            status=tried.status,
            detail=tried.reply,
        )
    for recipient in journey.recipients:
        if recipient.state in _ENDED:
            at = recipient.settled_at or messages[recipient.queue_id].queued_at
            kind = _ENDED[recipient.state]
            yield JourneyEvent(at=at, kind=kind, queue_id=recipient.queue_id, recipient=recipient.address)


def _is_made_here(row: Filed | Left) -> bool:
    return _field(row.prefix, b"received") is None


def _field(prefix: bytes, name: bytes) -> str | None:
    """Its value on one line."""
    return next((" ".join(decode_value(f.value).split()) for f in fields(prefix) if f.name.lower() == name), None)
