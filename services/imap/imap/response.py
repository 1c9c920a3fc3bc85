"""What the server says, as octets (RFC 9051 §7). Nothing here decides anything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache

from imap.dialect import Dialect
from imap.view import Exists, Expunged, FlagsChanged, Untagged
from mailstead.model.flags import SYSTEM_NAMES, FlagMask, Flags, SystemFlag
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.flag_changes import FlagRow

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_SYSTEM_FLAGS = tuple(
    " ".join(name for flag, name in SYSTEM_NAMES.items() if number & flag).encode() for number in range(2 * max(SystemFlag))
)


_ALL_FLAGS = 2 * max(SystemFlag) - 1


class Status(Enum):
    OK = b"OK"
    NO = b"NO"
    BAD = b"BAD"
    BYE = b"BYE"


@dataclass(frozen=True, slots=True)
class Reply:
    """A status response; tagged, or untagged with the tag `*`. `code` stands in brackets, `text` is ASCII and not empty."""

    status: Status
    text: str
    code: str = ""

    @property
    def outcome(self) -> str:
        """For metrics: `ok`, `no`, `bad`, or `unavailable` where the failure is ours."""
        return "unavailable" if self.code == "UNAVAILABLE" else self.status.value.decode().lower()

    def render(self, tag: bytes = b"*") -> bytes:
        code = f"[{self.code}] " if self.code else ""
        return b"%b %b %b\r\n" % (tag, self.status.value, f"{code}{self.text}".encode())


def ok(text: str, code: str = "") -> Reply:
    return Reply(Status.OK, text, code)


def no(text: str, code: str = "") -> Reply:
    return Reply(Status.NO, text, code)


def bad(text: str, code: str = "") -> Reply:
    return Reply(Status.BAD, text, code)


def bye(text: str, code: str = "") -> bytes:
    return Reply(Status.BYE, text, code).render()


def flag_list(system: int, keywords: Sequence[str]) -> bytes:
    """`(\\Seen $Label)` from a row's columns."""
    if not keywords:
        return b"(%b)" % _SYSTEM_FLAGS[system]
    words = ([_SYSTEM_FLAGS[system]] if system else []) + [keyword.encode() for keyword in keywords]
    return b"(%b)" % b" ".join(words)


@lru_cache(maxsize=1024)
def flags(value: Flags) -> bytes:
    return flag_list(value.system, value.keywords)


def keyword_lines(keywords: Iterable[str], mask: FlagMask, *, read_only: bool) -> bytes:
    """FLAGS and PERMANENTFLAGS: what there is, and what a client may change: keywords of its own too (RFC 9051 §7.1, §7.3.1)."""
    names = sorted(keywords)
    known = flag_list(_ALL_FLAGS, names)
    changeable = flag_list(int(mask.system), [*names, "\\*"] if mask.keywords else [])
    permanent = b"()" if read_only else changeable
    return b"* FLAGS %b\r\n* OK [PERMANENTFLAGS %b] these can be changed\r\n" % (known, permanent)


def date_time(moment: datetime) -> bytes:
    """`date-time` in UTC, which is how the store gives it."""
    return b'"%2d-%b-%04d %02d:%02d:%02d +0000"' % (
        moment.day,
        _MONTHS[moment.month - 1],
        moment.year,
        moment.hour,
        moment.minute,
        moment.second,
    )


def uid_set(uids: Iterable[int]) -> str:
    """UIDs, in any order, as the shortest set."""
    return str(SequenceSet.of(uids))


def uid_set_in_order(uids: Iterable[int]) -> str:
    """UIDs in this very order, neighbours that ascend joined: COPYUID pairs source and target by position (RFC 4315 §3)."""
    spans: list[tuple[int, int]] = []
    for uid in uids:
        if spans and spans[-1][1] == uid - 1:
            spans[-1] = (spans[-1][0], uid)
        else:
            spans.append((uid, uid))
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in spans)


def untagged(items: Iterable[Untagged], dialect: Dialect) -> bytes:
    """Unsolicited data, as this client reads it."""
    lines: list[bytes] = []
    for item in items:
        match item:
            case Expunged(_, uids) if dialect.qresync or dialect.uid_only:  # RFC 7162 §3.2.10, RFC 9586 §3.4
                lines.append(vanished(uids))
            case Expunged(numbers):
                lines += [b"* %d EXPUNGE\r\n" % number for number in numbers]
            case Exists(messages):
                lines.append(b"* %d EXISTS\r\n" % messages)
            case FlagsChanged(rows):
                lines += [flags_line(number, row, dialect, uid=True) for number, row in rows]
    return b"".join(lines)


def flags_line(number: int, row: FlagRow, dialect: Dialect, *, uid: bool, silent: bool = False) -> bytes:
    """What the flags of a message are now; with `silent` only its modseq is told (RFC 7162 §3.1.3)."""
    words = [b"UID %d" % row.uid] if (uid or dialect.qresync) and not dialect.uid_only else []  # RFC 7162 §3.2.4
    if not silent:
        words.append(b"FLAGS " + flags(row.flags))
    if dialect.condstore:
        words.append(b"MODSEQ (%d)" % row.modseq)
    return fetch_word(number, row.uid, dialect) + b" (%b)\r\n" % b" ".join(words)


def fetch_word(number: int, uid: int, dialect: Dialect) -> bytes:
    """How an answer to FETCH begins: by number, or by UID where there are no numbers (RFC 9586 §3.3)."""
    return b"* %d UIDFETCH" % uid if dialect.uid_only else b"* %d FETCH" % number


def vanished(uids: Iterable[int] | SequenceSet, *, earlier: bool = False) -> bytes:
    """RFC 7162 §3.2.10; with `earlier` for what was gone before the client asked."""
    told = uids if isinstance(uids, SequenceSet) else SequenceSet.of(uids)
    return f"* VANISHED {'(EARLIER) ' if earlier else ''}{told}\r\n".encode()
