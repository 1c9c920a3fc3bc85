"""The state of one run: variables, flags, what the last match found, and how many steps are left."""

from collections.abc import Iterable

from mailstead.wire.sieve.text import Match, Text, Variable
from mailstead.wire.sieve.tree import FlagAction, Texts
from smtp_in.sieve.message import MessageView
from smtp_in.sieve.plan import Bounds, Mark, Occasion

MAX_VARIABLES = 256  # RFC 5229 §6 asks for 128
MAX_VALUE = 8_192  # octets of a variable; RFC 5229 §6 asks for 4,000 characters
MAX_TEXT = 128 * 1024  # octets of a string once everything is put in
MAX_FLAGS = 64


class ScriptFailed(Exception):
    """A script cannot be run to its end; its message is kept (RFC 5228 §2.10.6)."""


class Run:
    """See the head of this module. Values are octets throughout."""

    def __init__(self, message: MessageView, occasion: Occasion, bounds: Bounds) -> None:
        self.message = message
        self.occasion = occasion
        self.bounds = bounds
        self.variables: dict[str, bytes] = {}
        self.matched: tuple[bytes, ...] = ()
        self.flags: tuple[bytes, ...] = ()  # the internal variable of RFC 5232
        self.marks: dict[bytes, Mark] = {}
        self._steps_left = bounds.steps

    def spend(self, steps: int) -> None:
        """Raises ScriptFailed when all are spent."""
        self._steps_left -= steps
        if self._steps_left < 0:
            raise ScriptFailed(f"the script takes more than {self.bounds.steps} steps")

    def expand(self, text: Text) -> bytes:
        value = text.constant
        if value is not None:
            return value
        value = self._joined(text, MAX_TEXT + 1)
        if len(value) > MAX_TEXT:
            raise ScriptFailed(f"a string has more than {MAX_TEXT} octets")
        return value

    def expand_all(self, texts: Texts) -> list[bytes]:
        self.spend(1 + len(texts) // 16)
        return [self.expand(text) for text in texts]

    def set(self, name: str, value: bytes) -> None:
        """RFC 5229 §6: what is too long is cut off, which is no error."""
        if name not in self.variables and len(self.variables) >= MAX_VARIABLES:
            raise ScriptFailed(f"more than {MAX_VARIABLES} variables")
        if len(value) > MAX_VALUE:
            value = value[:MAX_VALUE].decode("utf-8", "ignore").encode()
        self.variables[name] = value

    def expand_for_set(self, text: Text) -> bytes:
        return text.constant if text.constant is not None else self._joined(text, MAX_TEXT)

    def _joined(self, text: Text, limit: int) -> bytes:
        found: list[bytes] = []
        left = limit
        for piece in text.pieces:
            match piece:
                case Variable(name):
                    value = self.variables.get(name, b"")
                case Match(index):
                    value = self.matched[index] if index < len(self.matched) else b""
                case _:
                    value = piece
            found.append(value[:left])
            left -= len(value)
            if left <= 0:
                break
        self.spend(1 + (limit - max(left, 0)) // 2_048)
        return b"".join(found)

    # ---- flags (RFC 5232)

    def flags_of(self, variable: str | None) -> tuple[bytes, ...]:
        return self.flags if variable is None else split_flags([self.variables.get(variable, b"")])

    def change_flags(self, action: FlagAction, variable: str | None, changed: tuple[bytes, ...]) -> None:
        folded = {flag.lower() for flag in changed}
        match action:
            case FlagAction.SET:
                flags = changed
            case FlagAction.ADD:
                before = self.flags_of(variable)
                flags = split_flags([*before, *changed])
            case FlagAction.REMOVE:
                flags = tuple(flag for flag in self.flags_of(variable) if flag.lower() not in folded)
        if variable is None:
            self.flags = flags
        else:
            self.set(variable, b" ".join(flags))


def split_flags(lists: Iterable[bytes]) -> tuple[bytes, ...]:
    """The flags in strings that separate them by spaces, each once, in any case of letters (RFC 5232 §2)."""
    found: dict[bytes, bytes] = {}
    for flags in lists:
        for flag in flags.split(b" "):
            if flag and len(found) < MAX_FLAGS:
                found.setdefault(flag.lower(), flag)
    return tuple(found.values())
