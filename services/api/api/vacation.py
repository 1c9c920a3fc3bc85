"""Vacations as scripts: what people set as fields is a Sieve script of one name, which carries the fields in its first line."""

import orjson
from pydantic import ValidationError

from api.schemas.vacation import VacationFields

NAME = "vacation"
_MARK = "# vacation "


def script_of(vacation: VacationFields) -> str:
    """RFC 5230, with RFC 5260 where it has a first or a last day."""
    tests = [
        f'currentdate :zone "+0000" :value "{comparison}" "date" "{day.isoformat()}"'
        for comparison, day in (("ge", vacation.first_day), ("le", vacation.last_day))
        if day is not None
    ]
    command = f"vacation :days {vacation.days}"
    if vacation.subject is not None:
        command += f" :subject {_quoted(vacation.subject)}"
    command += f" {_quoted(vacation.text)};"
    lines = [_MARK + orjson.dumps(vacation.model_dump(mode="json")).decode()]
    if tests:
        lines += ['require ["vacation", "date", "relational"];', f"if allof ({', '.join(tests)}) {{", command, "}"]
    else:
        lines += ['require "vacation";', command]
    return "\r\n".join([*lines, ""])


def fields_of(script: str) -> VacationFields | None:
    """What a script was made of; None for one that somebody wrote."""
    head = script.partition("\r\n")[0]
    if not head.startswith(_MARK):
        return None
    try:
        return VacationFields.model_validate_json(head.removeprefix(_MARK))
    except ValidationError:
        return None


def _quoted(text: str) -> str:
    """RFC 5228 §2.4.2: a line end is CRLF."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "\r\n".join(escaped.splitlines()) + '"'
