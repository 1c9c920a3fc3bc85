"""Rows of accounts, as CSV (RFC 4180) or NDJSON, read as they come in: one line is one row, whatever is wrong with others."""

import csv
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from api.schemas.accounts import AccountRow
from mailstead.model.failure import Failure, Refused

CSV, NDJSON = "text/csv", "application/x-ndjson"
MAX_LINE = 16 * 1024  # octets

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no account: the field that is wrong, None for the row as a whole, and why."""

    field: str | None
    detail: str
    address: str | None = None


Row = AccountRow | BadRow


async def lines_of(octets: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines that are not empty, without their ends. Raises Refused(TOO_LARGE) for one that is too long."""
    rest = b""
    async for piece in octets:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if stripped := line.strip():
                yield stripped
        if len(rest) > MAX_LINE:
            raise Refused(Failure.TOO_LARGE, f"a line is longer than {MAX_LINE} octets")
    if stripped := rest.strip():
        yield stripped


class Rows:
    """Reads one line at a time; the first of a CSV names its columns and is no row."""

    def __init__(self, media_type: str) -> None:
        self._columns: list[str] | None = None
        self._is_csv = media_type == CSV

    def read(self, line: bytes) -> Iterator[Row]:
        """The row of this line, or none."""
        try:
            text = line.removeprefix(_BOM).decode()
            values = self._fields(text) if self._is_csv else orjson.loads(text)
        except (UnicodeDecodeError, orjson.JSONDecodeError, csv.Error, ValueError) as error:
            yield BadRow(None, f"This cannot be read: {error}")
            return
        if values is not None:
            yield _row(values)

    def _fields(self, text: str) -> dict[str, str] | None:
        (cells,) = csv.reader([text], strict=True)
        if self._columns is None:
            self._columns = [cell.strip() for cell in cells]
            return None
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(cells)} columns instead of {len(self._columns)}")
        return {name: cell for name, cell in zip(self._columns, cells, strict=True) if cell != ""}


def _row(values: Any) -> Row:
    address = values.get("address") if isinstance(values, dict) else None
    try:
        return AccountRow.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or None
        return BadRow(field, first["msg"].removeprefix("Value error, "), address if isinstance(address, str) else None)
