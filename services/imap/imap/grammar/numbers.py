"""Numbers, sequence sets and dates (RFC 9051 §9)."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

from imap.grammar.ranges import PartialRange
from imap.grammar.scanner import BadSyntax, Scanner
from mailstead.model.sequence_set import MAX_NUMBER, STAR, SequenceSet

MAX_MODSEQ = 2**63 - 1  # RFC 7162 §7 `mod-sequence-value`
MAX_RANGES = 10_000  # of one sequence set
SAVED = SequenceSet(())  # `$`, what the last search has saved (RFC 5182 §2.1); no other set is empty

_NUMBER = re.compile(rb"\d{1,20}")
_SET = re.compile(rb"(?:\d{1,10}|\*)(?::(?:\d{1,10}|\*))?(?:,(?:\d{1,10}|\*)(?::(?:\d{1,10}|\*))?)*")
_MONTHS = {name: n for n, name in enumerate((b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC").split(), 1)}
_DATE = re.compile(rb'("?)(\d{1,2})-([A-Za-z]{3})-(\d{4})\1')
_DATE_TIME = re.compile(rb'"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')


def number(scanner: Scanner, largest: int = MAX_NUMBER) -> int:
    value = int(scanner.take(_NUMBER, "a number"))
    if value > largest:
        raise BadSyntax("number too large")
    return value


def nz_number(scanner: Scanner) -> int:
    value = number(scanner)
    if value == 0:
        raise BadSyntax("zero is not a number here")
    return value


def mod_sequence(scanner: Scanner) -> int:
    """`mod-sequence-valzer` (RFC 7162 §7)."""
    return number(scanner, MAX_MODSEQ)


def sequence_set(scanner: Scanner) -> SequenceSet:
    if scanner.skips(b"$"):
        return SAVED
    ranges: list[tuple[int, int]] = []
    for item in scanner.take(_SET, "a sequence set").split(b","):
        first, _, last = item.partition(b":")
        ranges.append((_member(first), _member(last or first)))
        if len(ranges) > MAX_RANGES:
            raise BadSyntax("sequence set has too many members")
    return SequenceSet(tuple(ranges))


def _member(octets: bytes) -> int:
    if octets == b"*":
        return STAR
    value = int(octets)
    if not 0 < value <= MAX_NUMBER:
        raise BadSyntax("a sequence number is between 1 and 4294967295")
    return value


def partial_range(scanner: Scanner) -> PartialRange:
    """`1:100` from the beginning, or `-1:-100` from the end (RFC 9394 §4)."""
    first = _signed(scanner)
    scanner.expect(b":")
    last = _signed(scanner)
    if (first < 0) != (last < 0):
        raise BadSyntax("both ends of a partial range count from the same side")
    return PartialRange(*sorted((first, last), key=abs))


def _signed(scanner: Scanner) -> int:
    negative = scanner.skips(b"-")
    value = nz_number(scanner)
    return -value if negative else value


def sees_sequence_set(scanner: Scanner) -> bool:
    return scanner.data[scanner.at : scanner.at + 1] in (b"*", b"$", *(b"%d" % n for n in range(10)))


def calendar_date(scanner: Scanner) -> date:
    """`date`, quoted or not, as `1-Feb-1994`."""
    found = scanner.match(_DATE)
    if found is None:
        raise BadSyntax("expected a date")
    try:
        return date(int(found[4]), _month(found[3]), int(found[2]))
    except ValueError as error:
        raise BadSyntax("no such date") from error


def date_time(scanner: Scanner) -> datetime:
    """`date-time`, as `"17-Jul-1996 02:44:25 -0700"`; seconds of 60 become 59."""
    found = scanner.match(_DATE_TIME)
    if found is None:
        raise BadSyntax("expected a date and time")
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    if offset >= timedelta(days=1):
        raise BadSyntax("no such time zone")
    zone = timezone(-offset if found[7] == b"-" else offset)
    try:
        moment = datetime(
            int(found[3]), _month(found[2]), int(found[1]), int(found[4]), int(found[5]), min(int(found[6]), 59), tzinfo=zone
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadSyntax("no such date and time") from error


def _month(name: bytes) -> int:
    value = _MONTHS.get(name.upper())
    if value is None:
        raise BadSyntax("no such month")
    return value
