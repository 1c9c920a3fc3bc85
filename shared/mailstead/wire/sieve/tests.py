"""The tests of the language: what each takes, and the value it becomes (RFC 5228 §5 and its extensions)."""

import re
from collections.abc import Callable

from mailstead.wire.sieve import tree
from mailstead.wire.sieve.arguments import Given, Kind, Scope, Signature, TagSpec
from mailstead.wire.sieve.errors import Position, ScriptError
from mailstead.wire.sieve.grammar import Test
from mailstead.wire.sieve.text import Text, constant
from mailstead.wire.sieve.tree import AddressPart, Comparator, DatePart, Matcher, MatchType, Relation, Transform

# RFC 5228 §5.1: fields that hold addresses.
ADDRESS_HEADERS = frozenset(
    b"approved bcc cc delivered-to disposition-notification-to errors-to from mail-followup-to reply-to resent-bcc resent-cc "
    b"resent-from resent-reply-to resent-sender resent-to return-path return-receipt-to sender to x-forwarded-to "
    b"x-original-to".split()
)
VARIABLE_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
MAX_VARIABLE_NAME = 64  # characters, RFC 5229 §6

_HEADER_NAME = re.compile(rb"[!-9;-~]+")
_ZONE = re.compile(r"([+-])([0-9]{2})([0-5][0-9])")

_MATCH = {
    "is": TagSpec(group="match type"),
    "contains": TagSpec(group="match type"),
    "matches": TagSpec(group="match type"),
    "value": TagSpec(Kind.STRING, "relational", "match type"),
    "count": TagSpec(Kind.STRING, "relational", "match type"),
    "comparator": TagSpec(Kind.STRING),
}
_PART = {
    "all": TagSpec(group="address part"),
    "localpart": TagSpec(group="address part"),
    "domain": TagSpec(group="address part"),
    "user": TagSpec(extension="subaddress", group="address part"),
    "detail": TagSpec(extension="subaddress", group="address part"),
}
_INDEX = {"index": TagSpec(Kind.NUMBER, "index"), "last": TagSpec(extension="index")}
_ZONES = {"zone": TagSpec(Kind.STRING, group="zone")}


def matcher_of(given: Given) -> Matcher:
    """The match type and the comparator (RFC 5228 §2.7)."""
    name = given.literal("comparator") or Comparator.CASEMAP.value
    try:
        comparator = Comparator(name)
    except ValueError:
        raise ScriptError(given.tag_at("comparator"), f"there is no comparator {name!r} here") from None
    if comparator is Comparator.NUMERIC and not given.scope.has("comparator-i;ascii-numeric"):
        raise ScriptError(given.tag_at("comparator"), f'comparator {name!r} needs require "comparator-{name}"')
    kind = MatchType(given.first_of("is", "contains", "matches", "value", "count") or "is")
    if comparator is Comparator.NUMERIC and kind in (MatchType.CONTAINS, MatchType.MATCHES):
        raise ScriptError(given.at, f'":{kind.value}" cannot be used with comparator {name!r}')  # RFC 4790 §9.1.1
    if kind not in (MatchType.VALUE, MatchType.COUNT):
        return Matcher(kind, comparator)
    relation = (given.literal(kind.value) or "").lower()
    try:
        return Matcher(kind, comparator, Relation(relation))
    except ValueError:
        raise ScriptError(given.tag_at(kind.value), "a relation is gt, ge, lt, le, eq or ne") from None


def _part_of(given: Given) -> AddressPart:
    return AddressPart(given.first_of("all", "localpart", "domain", "user", "detail") or "all")


def _index_of(given: Given) -> tree.Index | None:
    number = given.number("index")
    if number is None:
        if given.given("last"):
            raise ScriptError(given.at, '":last" needs ":index"')
        return None
    if number == 0:
        raise ScriptError(given.tag_at("index"), "fields are counted from 1")
    return tree.Index(number, given.given("last"))


def _headers(given: Given, n: int) -> tuple[Text, ...]:
    """Names of fields. One that cannot be a name matches nothing, which is no error (RFC 5228 §2.4.2.2)."""
    texts = given.places(n)
    for text in texts:
        name = text.constant
        if name is not None and not _HEADER_NAME.fullmatch(name):
            given.scope.remark(given.place_at(n), f"no header field can be called {name.decode('utf-8', 'replace')!r}")
    return texts


def _exists(given: Given) -> tree.Test:
    return tree.Exists(_headers(given, 0))


def _size(given: Given) -> tree.Test:
    if given.first_of("over", "under") is None:
        raise ScriptError(given.at, '"size" takes ":over" or ":under"')
    return tree.Size(given.given("over"), given.place_number(0))


def _header(given: Given) -> tree.Test:
    return tree.Header(matcher_of(given), _headers(given, 0), given.places(1), _index_of(given))


def _address(given: Given) -> tree.Test:
    headers = given.places(0)
    for text in headers:
        if (name := text.constant) is not None and name.lower() not in ADDRESS_HEADERS:
            raise ScriptError(given.place_at(0), f"header field {name.decode('utf-8', 'replace')!r} holds no addresses")
    return tree.Address(matcher_of(given), _part_of(given), headers, given.places(1), _index_of(given))


def _envelope(given: Given) -> tree.Test:
    parts = given.places(0)
    for text in parts:
        if (name := text.constant) is not None and name.lower() not in (b"from", b"to"):
            raise ScriptError(given.place_at(0), f'an envelope has "from" and "to", not {name.decode("utf-8", "replace")!r}')
    return tree.Envelope(matcher_of(given), _part_of(given), parts, given.places(1))


def _body(given: Given) -> tree.Test:
    transform = Transform(given.first_of("raw", "content", "text") or "text")
    return tree.Body(matcher_of(given), transform, given.texts("content") or (), given.places(0))


def _string(given: Given) -> tree.Test:
    return tree.String(matcher_of(given), given.places(0), given.places(1))


def _hasflag(given: Given) -> tree.Test:
    variables: tuple[str, ...] = ()
    if given.count == 2:
        variables = tuple(variable_name(text.constant, given.place_at(0), given.scope) for text in given.places(0))
    return tree.HasFlag(matcher_of(given), variables, given.places(given.count - 1))


def variable_name(name: bytes | None, at: Position, scope: Scope) -> str:
    """A variable's name in lower case (RFC 5229 §4). Raises ScriptError."""
    if not scope.has("variables"):
        raise ScriptError(at, 'variables need require "variables"')
    text = (name or b"").decode("utf-8", "replace")
    if not VARIABLE_NAME.fullmatch(text) or len(text) > MAX_VARIABLE_NAME:
        raise ScriptError(at, f"no variable can be called {text!r}")
    return text.lower()


def _date(given: Given) -> tree.Test:
    zone = None if given.given("originalzone") else _zone_of(given)
    return tree.Date(matcher_of(given), given.place(0), _date_part(given, 1), given.places(2), zone, _index_of(given))


def _currentdate(given: Given) -> tree.Test:
    return tree.Date(matcher_of(given), None, _date_part(given, 0), given.places(1), _zone_of(given), None)


def _date_part(given: Given, n: int) -> DatePart:
    name = given.place_literal(n).lower()
    try:
        return DatePart(name)
    except ValueError:
        raise ScriptError(given.place_at(n), f"a date has no {name!r}") from None


def _zone_of(given: Given) -> int:
    """Minutes east of UTC, which is also the zone of this system (RFC 5260 §4.1)."""
    spelled = given.literal("zone")
    if spelled is None:
        return 0
    match = _ZONE.fullmatch(spelled)
    if match is None or int(match[2]) > 23:
        raise ScriptError(given.tag_at("zone"), "a zone is + or - and four digits, hours and minutes")
    minutes = int(match[2]) * 60 + int(match[3])
    return -minutes if match[1] == "-" else minutes


def _mailboxexists(given: Given) -> tree.Test:
    return tree.MailboxExists(given.places(0))


def _duplicate(given: Given) -> tree.Test:
    header = given.text("header") or constant(b"Message-ID")
    return tree.Duplicate(given.text("handle"), header, given.text("uniqueid"), given.number("seconds"), given.given("last"))


def _environment(given: Given) -> tree.Test:
    return tree.Environment(matcher_of(given), given.place(0), given.places(1))


Build = Callable[[Given], tree.Test]

_TWO_LISTS = (Kind.STRINGS, Kind.STRINGS)

TESTS: dict[str, tuple[Signature, Build]] = {
    "true": (Signature(), lambda _: tree.Always(value=True)),
    "false": (Signature(), lambda _: tree.Always(value=False)),
    "exists": (Signature((Kind.STRINGS,)), _exists),
    "size": (Signature((Kind.NUMBER,), {"over": TagSpec(group="bound"), "under": TagSpec(group="bound")}), _size),
    "header": (Signature(_TWO_LISTS, _MATCH | _INDEX), _header),
    "address": (Signature(_TWO_LISTS, _MATCH | _PART | _INDEX), _address),
    "envelope": (Signature(_TWO_LISTS, _MATCH | _PART, "envelope"), _envelope),
    "body": (
        Signature(
            (Kind.STRINGS,),
            _MATCH
            | {
                "raw": TagSpec(group="transform"),
                "content": TagSpec(Kind.STRINGS, group="transform"),
                "text": TagSpec(group="transform"),
            },
            "body",
        ),
        _body,
    ),
    "string": (Signature(_TWO_LISTS, _MATCH, "variables"), _string),
    "hasflag": (Signature(_TWO_LISTS, _MATCH, "imap4flags", may_omit_first=True), _hasflag),
    "date": (
        Signature(
            (Kind.STRING, Kind.STRING, Kind.STRINGS), _MATCH | _INDEX | _ZONES | {"originalzone": TagSpec(group="zone")}, "date"
        ),
        _date,
    ),
    "currentdate": (Signature((Kind.STRING, Kind.STRINGS), _MATCH | _ZONES, "date"), _currentdate),
    "mailboxexists": (Signature((Kind.STRINGS,), {}, "mailbox"), _mailboxexists),
    "duplicate": (
        Signature(
            (),
            {
                "handle": TagSpec(Kind.STRING),
                "header": TagSpec(Kind.STRING, group="what is unique"),
                "uniqueid": TagSpec(Kind.STRING, group="what is unique"),
                "seconds": TagSpec(Kind.NUMBER),
                "last": TagSpec(),
            },
            "duplicate",
        ),
        _duplicate,
    ),
    "environment": (Signature((Kind.STRING, Kind.STRINGS), _MATCH, "environment"), _environment),
}
"""All tests but those made of tests."""


def build_test(node: Test, scope: Scope) -> tree.Test:
    """The value of a test. Raises ScriptError."""
    if node.name in ("allof", "anyof"):
        Given(scope, node, Signature())
        if not node.listed:
            raise ScriptError(node.at, f'"{node.name}" takes tests in parentheses')
        tests = tuple(build_test(test, scope) for test in node.tests)
        return tree.AllOf(tests) if node.name == "allof" else tree.AnyOf(tests)
    if node.name == "not":
        Given(scope, node, Signature())
        if len(node.tests) != 1 or node.listed:
            raise ScriptError(node.at, '"not" takes one test')
        return tree.Not(build_test(node.tests[0], scope))
    if node.name not in TESTS:
        raise ScriptError(node.at, f'there is no test "{node.name}"')
    signature, build = TESTS[node.name]
    given = Given(scope, node, signature)
    if node.tests:
        raise ScriptError(node.tests[0].at, f'"{node.name}" takes no tests')
    return build(given)
