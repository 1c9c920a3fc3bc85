"""What commands print: tables for people, JSON for programs."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # all but line feeds
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Mapping[str, str], items: Iterable[Mapping[str, Any]]) -> None:
    """`columns`: heading -> key. Cells are shown by `cell`."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns:
        table.add_column(heading, overflow="fold")
    count = 0
    for item in items:
        table.add_row(*(Text(printable(cell(key, item[key]))) for key in columns.values()))
        count += 1
    console = Console(highlight=False)
    if count:
        console.print(table)
    else:
        console.print("[dim]none[/dim]")


def print_fields(item: Mapping[str, Any], as_json: bool) -> None:
    """One thing with all its fields, one a line."""
    if as_json:
        print_json(item)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in item.items():
        table.add_row(key.removesuffix("_bytes").replace("_", " "), Text(printable(cell(key, value))))
    Console(highlight=False).print(table)


def cell(key: str, value: object) -> str:
    """A value as people read it; keys that end in `_bytes` are sizes."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if key == "quota_bytes" and value == 0:
            return "unlimited"
        case int() if key.endswith("_bytes"):
            return size(value)
        case None:
            return ""
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def printable(text: str) -> str:
    """What strangers wrote, as a subject, must not command a terminal, nor turn a line around: U+FFFD stands for what would."""
    return _COMMANDS.sub("\ufffd", text)


def size(octets: int) -> str:
    """1536 -> 1.5 KiB."""
    amount = float(octets)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{amount:.0f} {unit}" if amount == int(amount) else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def octets_of(text: str) -> int:
    """`5G`, `512 MiB`, `1000` -> octets. Raises ValueError."""
    number = text.strip().lower().removesuffix("b").removesuffix("i").rstrip()
    factor = 1
    for power, letter in enumerate(_letters(), 1):
        if number.endswith(letter):
            number, factor = number.removesuffix(letter).rstrip(), 1024**power
    amount = float(number) * factor
    if not 0 <= amount < 2**60:
        raise ValueError("out of range")
    return int(amount)


def _letters() -> Sequence[str]:
    return [unit[0].lower() for unit in _UNITS[1:]]
