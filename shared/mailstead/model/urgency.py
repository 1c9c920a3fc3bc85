"""How soon somebody is likely to look for a message."""

from enum import IntEnum


class Urgency(IntEnum):
    """The lower, the sooner it is sent."""

    PROMPT = 0  # somebody wrote it to somebody
    AUTOMATIC = 1  # reports and replies of machines
    BULK = 2  # to very many
