"""Which passwords people may set: none that would be guessed early, whatever kinds of characters it has (NIST SP 800-63B)."""

import asyncio
import re

from zxcvbn import zxcvbn

from mailstead.model.failure import Failure, Refused

LOOKED_AT = 72  # characters; looking takes longer with each, and what is longer is strong or a repetition


async def require_strong(password: str, address: str, least: int) -> None:
    """Raises Refused(EASILY_GUESSED) for one that scores less than `least` of 4; what the address says is guessed first."""
    whole = address.lower()
    known = [whole, *whole.split("@"), *(word for word in re.split(r"[^a-z0-9]+", whole) if len(word) > 2)]
    found = await asyncio.to_thread(zxcvbn, password[:LOOKED_AT], known)
    if found["score"] < least:
        raise Refused(Failure.EASILY_GUESSED, f"password for {address} scores {found['score']}")
