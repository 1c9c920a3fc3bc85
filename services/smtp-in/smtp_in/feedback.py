"""Complaints that arrive: who reports a message of ours as spam is not written to again by the tenant that sent it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailstead.ops.logging import get_logger
from mailstead.store.suppressions import Complaints
from mailstead.wire.feedback import read_feedback
from mailstead.wire.message import Parsed
from smtp_in.arrival import Arrival

log = get_logger()


@dataclass(frozen=True)
class FeedbackReader:
    """A planner (`arrival.Planner`) that changes nothing of the message. Raises Refused(UNAVAILABLE).

    What it notes is the same however often it is noted, so it need not share the transaction of the message: should that fail,
    the reporter sends again.
    """

    addresses: frozenset[str]
    complaints: Complaints
    lasts: timedelta

    async def __call__(self, arrival: Arrival, content: Parsed, now: datetime) -> Arrival:
        if arrival.account is not None or not any(t.address.lower() in self.addresses for t in arrival.transaction.targets):
            return arrival
        feedback = read_feedback(content)
        if feedback is None or not feedback.is_complaint or not feedback.trace_ids:
            log.info("no complaint", trace_id=arrival.trace_id, kind=feedback.kind if feedback else None)
            return arrival
        said = f"{feedback.kind} reported by {arrival.transaction.sender.path or arrival.hop.client}"
        listed = await self.complaints.note(feedback.trace_ids, feedback.recipients, said, self.lasts)
        log.info("complaint", trace_id=arrival.trace_id, kind=feedback.kind, about=feedback.trace_ids, listed=listed)
        return arrival
