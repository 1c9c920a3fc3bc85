"""Dates of a message and their parts, for `date` and `currentdate` (RFC 5260 §4)."""

from datetime import UTC, datetime, timedelta, timezone

from mailstead.wire.headers import unfold
from mailstead.wire.message import parse_date
from mailstead.wire.sieve.tree import DatePart
from mailstead.wire.trace import date_time

_MODIFIED_JULIAN = 678_576  # the proleptic ordinal of 17 November 1858


def date_in(raw: bytes) -> datetime | None:
    """The date that a field is, or that stands behind its last semicolon, as in Received; in the zone it names."""
    value = unfold(raw)
    return parse_date(value.rpartition(b";")[2]) or parse_date(value)


def in_zone(moment: datetime, zone: int | None) -> datetime | None:
    """Moved to `zone` minutes east of UTC; None for a moment that leaves the calendar by that."""
    if zone is None:
        return moment
    try:
        return moment.astimezone(UTC if zone == 0 else timezone(timedelta(minutes=zone)))
    except OverflowError:
        return None


def part_of(moment: datetime, part: DatePart) -> str:
    """RFC 5260 §4.2."""
    match part:
        case DatePart.YEAR:
            return f"{moment.year:04}"
        case DatePart.MONTH:
            return f"{moment.month:02}"
        case DatePart.DAY:
            return f"{moment.day:02}"
        case DatePart.DATE:
            return moment.date().isoformat()
        case DatePart.JULIAN:
            return str(moment.toordinal() - _MODIFIED_JULIAN)
        case DatePart.HOUR:
            return f"{moment.hour:02}"
        case DatePart.MINUTE:
            return f"{moment.minute:02}"
        case DatePart.SECOND:
            return f"{moment.second:02}"
        case DatePart.TIME:
            return f"{moment:%H:%M:%S}"
        case DatePart.ISO8601:
            zone = _zone(moment)
            suffix = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
            return f"{moment.date().isoformat()}T{moment:%H:%M:%S}{suffix}"
        case DatePart.STD11:
            return date_time(moment)
        case DatePart.ZONE:
            return _zone(moment)
        case DatePart.WEEKDAY:
            return str(moment.isoweekday() % 7)


def _zone(moment: datetime) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02}{minutes % 60:02}"
