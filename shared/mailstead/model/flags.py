"""Message flags: the five system flags as bits, keywords as a set of names (RFC 9051 §2.3.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntFlag


class SystemFlag(IntFlag):
    """Stored as one small integer; the order is part of the schema and never changes."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


SYSTEM_NAMES: dict[SystemFlag, str] = {
    SystemFlag.ANSWERED: "\\Answered",
    SystemFlag.FLAGGED: "\\Flagged",
    SystemFlag.DELETED: "\\Deleted",
    SystemFlag.SEEN: "\\Seen",
    SystemFlag.DRAFT: "\\Draft",
}
_BY_NAME = {name.lower(): flag for flag, name in SYSTEM_NAMES.items()}

NO_FLAGS = SystemFlag(0)
MAX_KEYWORDS = 64  # in one message
MAX_KEYWORD_LENGTH = 128  # octets


class FlagChange(Enum):
    """How STORE changes flags (RFC 9051 §6.4.6)."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class FlagMask:
    """Flags that somebody may change: these system flags, and whether keywords."""

    system: SystemFlag
    keywords: bool

    @property
    def everything(self) -> bool:
        return self == EVERY_FLAG


EVERY_FLAG = FlagMask(SystemFlag(31), True)


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of one message. Keywords keep the spelling of their first use and compare without regard to case."""

    system: SystemFlag = NO_FLAGS
    keywords: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> "Flags":
        """From names as IMAP writes them. Raises ValueError for an unknown `\\Name`, or for too many or too long keywords."""
        system, keywords = NO_FLAGS, dict[str, str]()
        for name in names:
            if name.startswith("\\"):
                if name.lower() not in _BY_NAME:
                    raise ValueError(f"unknown system flag {name}")
                system |= _BY_NAME[name.lower()]
            else:
                if len(name) > MAX_KEYWORD_LENGTH:
                    raise ValueError("keyword too long")
                keywords.setdefault(name.lower(), name)
        if len(keywords) > MAX_KEYWORDS:
            raise ValueError("too many keywords")
        return cls(system, tuple(keywords.values()))

    def within(self, mask: FlagMask) -> "Flags":
        """Those among them that `mask` holds."""
        return Flags(self.system & mask.system, self.keywords if mask.keywords else ())

    def __bool__(self) -> bool:
        return bool(self.system or self.keywords)

    def names(self) -> tuple[str, ...]:
        """As IMAP writes them, system flags first."""
        return tuple(name for flag, name in SYSTEM_NAMES.items() if self.system & flag) + self.keywords
