"""Round trips as JSON."""

from typing import Literal

from pydantic import Field

from api.schemas.common import Input

CanaryPath = Literal["mailbox", "remote"]
CanaryOutcome = Literal["arrived", "late", "refused"]


class CanaryRunIn(Input):
    """One round trip of a message that looks whether mail arrives."""

    path: CanaryPath = Field(description="`mailbox`: from submission into a mailbox here; `remote`: to another host and back")
    outcome: CanaryOutcome = Field(description="`refused`: something on the way said no, or did not answer")
    seconds: float | None = Field(
        default=None, ge=0, le=86_400, description="From the acknowledgement until it was there; for `arrived` alone"
    )
