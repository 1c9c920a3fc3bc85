"""Where in a script something stands, and what is wrong or odd there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Line and column of a character, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class ScriptError(ValueError):
    """A script that is none. `message` is our own text and may be told to its author."""

    def __init__(self, at: Position, message: str) -> None:
        super().__init__(f"{at}: {message}")
        self.at = at
        self.message = message


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is allowed and probably not meant (WARNINGS, RFC 5804 §1.3)."""

    at: Position
    message: str

    def __str__(self) -> str:
        return f"{self.at}: {self.message}"
