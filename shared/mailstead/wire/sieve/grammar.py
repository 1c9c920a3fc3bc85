"""Tokens as commands, tests and arguments (RFC 5228 §8.2), whatever their names. Functions are named after the ABNF."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailstead.wire.sieve.errors import Position, ScriptError
from mailstead.wire.sieve.lexer import Kind, Token, tokens
from mailstead.wire.sieve.limits import Limits


@dataclass(frozen=True, slots=True)
class Strings:
    """A string list; a single string is a list of one (RFC 5228 §2.4.2.1)."""

    values: tuple[str, ...]
    at: Position
    bracketed: bool


@dataclass(frozen=True, slots=True)
class Number:
    value: int
    at: Position


@dataclass(frozen=True, slots=True)
class Tag:
    """`name` is lower case, without its colon."""

    name: str
    at: Position


Argument = Strings | Number | Tag


@dataclass(frozen=True, slots=True)
class Test:
    """`listed`: the tests stand in parentheses."""

    name: str
    at: Position
    arguments: tuple[Argument, ...]
    tests: tuple["Test", ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class Command:
    """As a test; `block` is None for a command that ends in a semicolon."""

    name: str
    at: Position
    arguments: tuple[Argument, ...]
    tests: tuple[Test, ...]
    listed: bool
    block: tuple["Command", ...] | None


def parse(script: bytes, limits: Limits) -> tuple[Command, ...]:
    """The commands of a script. Raises ScriptError."""
    return _Parser(tokens(script), limits).start()


class _Parser:
    """One token of look-ahead."""

    def __init__(self, source: Iterator[Token], limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._depth = 0
        self._commands_left = limits.commands
        self._strings_left = limits.strings
        self._next = next(source)

    def start(self) -> tuple[Command, ...]:
        commands = self.commands()
        if self._next.kind is not Kind.END:
            raise self._unexpected("a command")
        return commands

    def commands(self) -> tuple[Command, ...]:
        found: list[Command] = []
        while self._next.kind is Kind.IDENTIFIER:
            found.append(self.command())
        return tuple(found)

    def command(self) -> Command:
        name = self._take()
        self._commands_left -= 1
        if self._commands_left < 0:
            raise ScriptError(name.at, f"a script has at most {self._limits.commands} commands and tests")
        arguments, tests, listed = self.arguments()
        block = None
        if self._is("{"):
            block = self.block()
        elif self._is(";"):
            self._take()
        else:
            raise self._unexpected('";" or a block')
        return Command(name.text, name.at, arguments, tests, listed, block)

    def block(self) -> tuple[Command, ...]:
        self._enter()
        commands = self.commands()
        self._expect("}", 'a command or "}"')
        self._depth -= 1
        return commands

    def arguments(self) -> tuple[tuple[Argument, ...], tuple[Test, ...], bool]:
        found: list[Argument] = []
        while True:
            if self._next.kind is Kind.TAG:
                token = self._take()
                found.append(Tag(token.text, token.at))
            elif self._next.kind is Kind.NUMBER:
                token = self._take()
                found.append(Number(int(token.text), token.at))
            elif self._next.kind is Kind.STRING or self._is("["):
                found.append(self.string_list())
            else:
                break
        if self._is("("):
            return tuple(found), self.test_list(), True
        if self._next.kind is Kind.IDENTIFIER:
            return tuple(found), (self.test(),), False
        return tuple(found), (), False

    def string_list(self) -> Strings:
        if self._next.kind is Kind.STRING:
            token = self._string()
            return Strings((token.text,), token.at, bracketed=False)
        at = self._take().at
        values = [self._string().text]
        while self._is(","):
            self._take()
            values.append(self._string().text)
        self._expect("]", '"," or "]"')
        return Strings(tuple(values), at, bracketed=True)

    def test_list(self) -> tuple[Test, ...]:
        self._enter()
        tests = [self.test()]
        while self._is(","):
            self._take()
            tests.append(self.test())
        self._expect(")", '"," or ")"')
        self._depth -= 1
        return tuple(tests)

    def test(self) -> Test:
        if self._next.kind is not Kind.IDENTIFIER:
            raise self._unexpected("a test")
        name = self._take()
        self._commands_left -= 1
        if self._commands_left < 0:
            raise ScriptError(name.at, f"a script has at most {self._limits.commands} commands and tests")
        self._nest(name.at)
        arguments, tests, listed = self.arguments()
        self._depth -= 1
        return Test(name.text, name.at, arguments, tests, listed)

    def _string(self) -> Token:
        if self._next.kind is not Kind.STRING:
            raise self._unexpected("a string")
        self._strings_left -= 1
        if self._strings_left < 0:
            raise ScriptError(self._next.at, f"a script has at most {self._limits.strings} strings")
        return self._take()

    def _enter(self) -> None:
        self._nest(self._take().at)

    def _nest(self, at: Position) -> None:
        self._depth += 1
        if self._depth > self._limits.nesting:
            raise ScriptError(at, f"blocks and tests are nested more than {self._limits.nesting} deep")

    def _is(self, separator: str) -> bool:
        return self._next.kind is Kind.SEPARATOR and self._next.text == separator

    def _expect(self, separator: str, wanted: str) -> None:
        if not self._is(separator):
            raise self._unexpected(wanted)
        self._take()

    def _take(self) -> Token:
        token = self._next
        if token.kind is not Kind.END:
            self._next = next(self._source)
        return token

    def _unexpected(self, wanted: str) -> ScriptError:
        token = self._next
        if token.kind in (Kind.SEPARATOR, Kind.IDENTIFIER):
            found = f'"{token.text}"'
        elif token.kind is Kind.TAG:
            found = f'":{token.text}"'
        else:
            found = {Kind.END: "the end of the script"}.get(token.kind, f"a {token.kind.value}")
        return ScriptError(token.at, f"{wanted} is wanted here, not {found}")
