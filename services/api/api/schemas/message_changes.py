"""What is done to messages, as JSON. No answer tells what is in them: it would be in the audit log."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from api.schemas.common import Id, Input
from api.schemas.messages import MAX_WANTED, Uid
from mailstead.model.flags import MAX_KEYWORDS

Flag = Annotated[
    str,
    StringConstraints(pattern=r"^(\\(Answered|Deleted|Draft|Flagged|Seen)|[A-Za-z0-9$_.-]{1,128})$"),
    Field(description=r"As IMAP names it: `\Seen`, `\Flagged`, a keyword", examples=["\\Seen"]),
]
Flags = Annotated[list[Flag], Field(max_length=MAX_KEYWORDS)]

Action = Literal["flag", "copy", "move", "delete"]


class FlagsIn(Input):
    """Flags to set and to take away."""

    add: Flags = Field(default_factory=list)
    remove: Flags = Field(default_factory=list)

    @model_validator(mode="after")
    def _something_to_change(self) -> Self:
        if not self.add and not self.remove:
            raise ValueError("there is nothing to change")
        return self


class FlagsOut(BaseModel):
    """The flags of a message now."""

    uid: int
    flags: list[str] = Field(description=r"As IMAP names them: `\Seen`, `\Flagged`, keywords")
    modseq: int


class MessageActionIn(Input):
    """What is to be done to these messages of one mailbox."""

    action: Action
    uids: list[Uid] = Field(min_length=1, max_length=MAX_WANTED)
    add: Flags = Field(default_factory=list, description="With `flag`: flags to set")
    remove: Flags = Field(default_factory=list, description="With `flag`: flags to take away")
    into: Id | None = Field(default=None, description="With `copy` and `move`: the mailbox")

    @model_validator(mode="after")
    def _as_the_action_wants(self) -> Self:
        if (self.action == "flag") != bool(self.add or self.remove):
            raise ValueError("flags to add or to remove belong to the action flag")
        if (self.action in ("copy", "move")) != (self.into is not None):
            raise ValueError("into belongs to the actions copy and move")
        return self


class Acted(BaseModel):
    """One message to which it was done."""

    uid: int
    new_uid: int | None = Field(description="In the mailbox that it was copied or moved to")


class MessageActionOut(BaseModel):
    """What was done; messages that were not there any more are passed over."""

    action: Action
    count: int
    messages: list[Acted]
    missing: list[int] = Field(description="UIDs of which there is no message")


class UploadedMessage(BaseModel):
    """Where an uploaded message is."""

    mailbox_id: int
    uid: int
    uidvalidity: int
    size: int = Field(description="Octets")
    trace_id: str
