"""Arguments of a command or test held against what it takes: tags in any order, then what has a place (RFC 5228 §2.6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from mailstead.wire.sieve.errors import Position, Remark, ScriptError
from mailstead.wire.sieve.grammar import Argument, Command, Number, Strings, Tag, Test
from mailstead.wire.sieve.limits import Limits
from mailstead.wire.sieve.text import Text, constant, decode_characters, with_references


class Kind(Enum):
    """What stands at a place, or behind a tag."""

    NOTHING = "nothing"
    NUMBER = "a number"
    STRING = "a string"
    STRINGS = "a string list"


@dataclass(frozen=True, slots=True)
class TagSpec:
    """`extension`: what has to be required for it; `group`: of several tags in one only one may be given."""

    takes: Kind = Kind.NOTHING
    extension: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """`places` are what stands behind the tags; with `may_omit_first` the first of them may be missing."""

    places: tuple[Kind, ...] = ()
    tags: Mapping[str, TagSpec] = field(default_factory=dict)
    extension: str | None = None
    may_omit_first: bool = False


class Scope:
    """What holds in one script: the extensions that it requires, its limits, and what there is to remark."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.required: set[str] = set()
        self.remarks: list[Remark] = []

    def has(self, extension: str | None) -> bool:
        return extension is None or extension in self.required

    def remark(self, at: Position, message: str) -> None:
        self.remarks.append(Remark(at, message))

    def text(self, value: str, at: Position) -> Text:
        """A string as it will be used (RFC 5229 §3.1: encoded characters first, then references)."""
        octets = value.encode()
        if "encoded-character" in self.required:
            octets = decode_characters(octets, at)
        return with_references(octets, at) if "variables" in self.required else constant(octets)


class Given:
    """The arguments of one command or test, checked. Asking for what was not given answers None."""

    def __init__(self, scope: Scope, node: Command | Test, signature: Signature) -> None:
        self.scope = scope
        self.at = node.at
        self.name = node.name
        self._tags: dict[str, Argument | None] = {}
        self._places: list[Argument] = []
        if not scope.has(signature.extension):
            raise ScriptError(node.at, f'"{node.name}" needs require "{signature.extension}"')
        rest = self._take_tags(list(node.arguments), signature.tags)
        self._take_places(rest, signature)

    def _take_tags(self, arguments: list[Argument], specs: Mapping[str, TagSpec]) -> list[Argument]:
        groups: dict[str, str] = {}
        while arguments and isinstance(tag := arguments[0], Tag):
            spec = specs.get(tag.name)
            if spec is None:
                raise ScriptError(tag.at, f'"{self.name}" takes no ":{tag.name}"')
            if not self.scope.has(spec.extension):
                raise ScriptError(tag.at, f'":{tag.name}" needs require "{spec.extension}"')
            group = spec.group or tag.name
            if group in groups:
                other = groups[group]
                twice = f'":{tag.name}" is given twice'
                raise ScriptError(tag.at, twice if other == tag.name else f'":{tag.name}" cannot be given with ":{other}"')
            groups[group] = tag.name
            arguments = arguments[1:]
            value = None
            if spec.takes is not Kind.NOTHING:
                if not arguments or not _fits(arguments[0], spec.takes):
                    raise ScriptError(tag.at, f'":{tag.name}" takes {spec.takes.value}')
                value, arguments = arguments[0], arguments[1:]
            self._tags[tag.name] = value
        return arguments

    def _take_places(self, arguments: list[Argument], signature: Signature) -> None:
        places = signature.places
        if signature.may_omit_first and len(arguments) < len(places):
            places = places[1:]
        for argument in arguments:
            if isinstance(argument, Tag):
                raise ScriptError(argument.at, f'":{argument.name}" has to stand before what has no tag')
        if len(arguments) > len(places):
            raise ScriptError(arguments[len(places)].at, f'"{self.name}" takes no further argument')
        for place, argument in zip(places, arguments, strict=False):
            if not _fits(argument, place):
                raise ScriptError(argument.at, f"{place.value} is wanted here")
        if len(arguments) < len(places):
            raise ScriptError(self.at, f'"{self.name}" lacks {places[len(arguments)].value}')
        self._places = arguments

    @property
    def count(self) -> int:
        """How many arguments without a tag were given."""
        return len(self._places)

    def given(self, tag: str) -> bool:
        return tag in self._tags

    def first_of(self, *tags: str) -> str | None:
        """Which of `tags` was given."""
        return next((tag for tag in tags if tag in self._tags), None)

    def number(self, tag: str) -> int | None:
        value = self._tags.get(tag)
        return value.value if isinstance(value, Number) else None

    def text(self, tag: str) -> Text | None:
        texts = self.texts(tag)
        return texts[0] if texts else None

    def texts(self, tag: str) -> tuple[Text, ...] | None:
        value = self._tags.get(tag)
        return self._texts(value) if isinstance(value, Strings) else None

    def literal(self, tag: str) -> str | None:
        """A string that has to be the same always, such as the name of a comparator."""
        value = self._tags.get(tag)
        return self._literal(value) if isinstance(value, Strings) else None

    def place(self, n: int) -> Text:
        return self.places(n)[0]

    def places(self, n: int) -> tuple[Text, ...]:
        argument = self._places[n]
        assert isinstance(argument, Strings)
        return self._texts(argument)

    def place_literal(self, n: int) -> str:
        argument = self._places[n]
        assert isinstance(argument, Strings)
        return self._literal(argument)

    def place_number(self, n: int) -> int:
        argument = self._places[n]
        assert isinstance(argument, Number)
        return argument.value

    def place_at(self, n: int) -> Position:
        return self._places[n].at

    def tag_at(self, tag: str) -> Position:
        """Where the value of `tag` stands."""
        value = self._tags.get(tag)
        return value.at if value is not None else self.at

    def _texts(self, strings: Strings) -> tuple[Text, ...]:
        return tuple(self.scope.text(value, strings.at) for value in strings.values)

    def _literal(self, strings: Strings) -> str:
        value = self.scope.text(strings.values[0], strings.at).constant
        if value is None:
            raise ScriptError(strings.at, "this string has to be without variables")
        return value.decode("utf-8", "replace")


def _fits(argument: Argument, kind: Kind) -> bool:
    if kind is Kind.NUMBER:
        return isinstance(argument, Number)
    if not isinstance(argument, Strings):
        return False
    return kind is Kind.STRINGS or not argument.bracketed
