"""What became of an import of mail, as JSON."""

from pydantic import BaseModel, Field


class RefusedItem(BaseModel):
    """A message that was not filed."""

    name: str = Field(description="The file in the archive, or which message of the mbox")
    detail: str


class MailImportOut(BaseModel):
    """What was filed."""

    filed_count: int
    present_count: int = Field(description="Were there already")
    refused_count: int
    refused: list[RefusedItem] = Field(description="The first hundred of them")
    made_mailboxes: list[str] = Field(description="The first hundred of them")
