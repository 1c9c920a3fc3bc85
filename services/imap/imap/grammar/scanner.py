"""A cursor over the octets of one command, its literals included as they came."""

import re

LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}\r?\n")  # RFC 9051 §9 `literal`, RFC 7888 §5 for `+`
_ENDING = re.compile(rb" *(?:\r?\n)?")


class BadSyntax(Exception):
    """The command is not one; `text` is our own wording and may be told to the client."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Scanner:
    """`at` is the offset of the next octet. Every method that expects something raises BadSyntax when it is not there.

    `utf8`: mailbox names are UTF-8, not modified UTF-7 (RFC 9755 §3).
    """

    __slots__ = ("at", "data", "utf8")

    def __init__(self, data: bytes, at: int = 0, *, utf8: bool = False) -> None:
        self.data = data
        self.at = at
        self.utf8 = utf8

    def sees(self, token: bytes) -> bool:
        """Whether `token` (in upper case) stands next, in any case of letters."""
        return self.data[self.at : self.at + len(token)].upper() == token

    def skips(self, token: bytes) -> bool:
        """As `sees`, and steps over it."""
        if self.sees(token):
            self.at += len(token)
            return True
        return False

    def expect(self, token: bytes) -> None:
        if not self.skips(token):
            raise BadSyntax(f"expected {'a space' if token == b' ' else token.decode()}")

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What stands next if it fits, stepped over."""
        found = pattern.match(self.data, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def take(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        found = self.match(pattern)
        if found is None:
            raise BadSyntax(f"expected {what}")
        return found[0]

    def literal(self) -> bytes | None:
        """The octets of a literal that begins here; None when none does."""
        found = self.match(LITERAL)
        if found is None:
            return None
        start, size = self.at, int(found[1])
        if start + size > len(self.data):
            raise BadSyntax("literal is cut short")
        self.at = start + size
        return self.data[start : self.at]

    def end(self) -> None:
        """Nothing but the line's end may follow; spaces before it are passed over, for some clients send them."""
        found = _ENDING.fullmatch(self.data, self.at)
        if found is None:
            raise BadSyntax("too many arguments")
        self.at = len(self.data)
