"""Filters of lists of messages, as what IMAP's SEARCH asks of the store: results are exact, whatever is indexed already."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Query
from pydantic import StringConstraints

from api.schemas.common import Day
from mailstead.model.flags import SystemFlag
from mailstead.store import query as ask

Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]

T = TypeVar("T")


def _matching(
    text: Annotated[Words | None, Query(description="In any header field, or in the text")] = None,
    sender: Annotated[Words | None, Query(alias="from", description="In the From field")] = None,
    to: Annotated[Words | None, Query(description="In the To field")] = None,
    subject: Annotated[Words | None, Query(description="In the Subject field")] = None,
    since: Annotated[Day | None, Query(description="Came on that day or later")] = None,
    before: Annotated[Day | None, Query(description="Came before that day")] = None,
    seen: Annotated[bool | None, Query(description="Whether it was read")] = None,
    flagged: Annotated[bool | None, Query()] = None,
    answered: Annotated[bool | None, Query()] = None,
    keyword: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9$_.-]{1,128}$")] = None,
    larger: Annotated[int | None, Query(ge=0, le=2**40, description="Has more octets")] = None,
    smaller: Annotated[int | None, Query(ge=0, le=2**40, description="Has fewer octets")] = None,
) -> ask.Query | None:
    found: list[ask.Query] = [
        *_asked(text, ask.Text),
        *_asked(sender, lambda words: ask.Header("From", words)),
        *_asked(to, lambda words: ask.Header("To", words)),
        *_asked(subject, lambda words: ask.Header("Subject", words)),
        *_asked(since, ask.Since),
        *_asked(before, ask.Before),
        *_asked(keyword, ask.HasKeyword),
        *_asked(larger, ask.Larger),
        *_asked(smaller, ask.Smaller),
    ]
    for flag, wanted in ((SystemFlag.SEEN, seen), (SystemFlag.FLAGGED, flagged), (SystemFlag.ANSWERED, answered)):
        if wanted is not None:
            found.append(ask.HasFlag(flag) if wanted else ask.Not(ask.HasFlag(flag)))
    return ask.And(tuple(found)) if found else None


def _asked(value: T | None, leaf: Callable[[T], ask.Query]) -> list[ask.Query]:
    return [] if value is None else [leaf(value)]


Matching = Annotated[ask.Query | None, Depends(_matching)]
"""What a list is narrowed to; None: everything."""
