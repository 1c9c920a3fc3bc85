"""From a script to its tree: `require` first, `if` with its branches, then each command by its own table (RFC 5228 §3)."""

from dataclasses import dataclass

from mailstead.wire.sieve import tree
from mailstead.wire.sieve.actions import ACTIONS
from mailstead.wire.sieve.arguments import Given, Kind, Scope, Signature
from mailstead.wire.sieve.errors import Position, Remark, ScriptError
from mailstead.wire.sieve.extensions import EXTENSIONS, IMPLIED
from mailstead.wire.sieve.grammar import Command, Strings, parse
from mailstead.wire.sieve.limits import DEFAULT_LIMITS, Limits
from mailstead.wire.sieve.tests import build_test

_CONDITIONS = ("if", "elsif", "else")


@dataclass(frozen=True, slots=True)
class Script:
    """A script that can be run. `asks_mailboxes`: it wants to know which mailboxes there are."""

    commands: tree.Commands
    required: frozenset[str]
    remarks: tuple[Remark, ...]
    asks_mailboxes: bool


def compile_script(octets: bytes, limits: Limits = DEFAULT_LIMITS) -> Script:
    """Read and check a script. Raises ScriptError, whatever the octets are, and nothing else."""
    if len(octets) > limits.octets:
        raise ScriptError(Position(1, 1), f"a script has at most {limits.octets} octets")
    nodes = parse(octets, limits)
    scope = Scope(limits)
    start = 0
    while start < len(nodes) and nodes[start].name == "require":
        _require(nodes[start], scope)
        start += 1
    commands = _commands(nodes[start:], scope)
    _remark_on_redirects(nodes, scope)
    asks = "mailbox" in scope.required and any(map(_asks_mailboxes, commands))
    return Script(commands, frozenset(scope.required), tuple(scope.remarks), asks)


def _require(node: Command, scope: Scope) -> None:
    given = Given(scope, node, Signature((Kind.STRINGS,)))
    _ends_plainly(node)
    for argument in node.arguments:
        assert isinstance(argument, Strings)
        for name in argument.values:  # nothing is ever put into these (RFC 5228 §6)
            if name not in EXTENSIONS:
                raise ScriptError(given.place_at(0), f"extension {name!r} is not supported")
            scope.required.add(name)
            if name in IMPLIED:
                scope.required.add(IMPLIED[name])


def _commands(nodes: tuple[Command, ...], scope: Scope) -> tree.Commands:
    found: list[tree.Command] = []
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if node.name == "if":
            end = at + 1
            while end < len(nodes) and nodes[end].name in ("elsif", "else"):
                end += 1
                if nodes[end - 1].name == "else":
                    break
            found.append(_if(nodes[at:end], scope))
            at = end
            continue
        if found and isinstance(found[-1], tree.Stop):
            scope.remark(node.at, 'nothing behind "stop" is ever done')
        found.append(_action(node, scope))
        at += 1
    return tuple(found)


def _if(nodes: tuple[Command, ...], scope: Scope) -> tree.Command:
    """RFC 5228 §3.1."""
    branches: list[tuple[tree.Test, tree.Commands]] = []
    otherwise: tree.Commands = ()
    for node in nodes:
        Given(scope, node, Signature())
        if node.block is None:
            raise ScriptError(node.at, f'"{node.name}" takes a block')
        if node.name == "else":
            if node.tests:
                raise ScriptError(node.tests[0].at, '"else" takes no test')
            otherwise = _commands(node.block, scope)
        else:
            if len(node.tests) != 1 or node.listed:
                raise ScriptError(node.at, f'"{node.name}" takes one test')
            branches.append((build_test(node.tests[0], scope), _commands(node.block, scope)))
    return tree.If(tuple(branches), otherwise)


def _action(node: Command, scope: Scope) -> tree.Command:
    if node.name == "require":
        raise ScriptError(node.at, '"require" stands before all other commands')  # RFC 5228 §3.2
    if node.name in _CONDITIONS:
        raise ScriptError(node.at, f'"{node.name}" follows an "if" or "elsif"')
    if node.name not in ACTIONS:
        raise ScriptError(node.at, f'there is no command "{node.name}"')
    signature, build = ACTIONS[node.name]
    given = Given(scope, node, signature)
    _ends_plainly(node)
    return build(given)


def _ends_plainly(node: Command) -> None:
    if node.tests:
        raise ScriptError(node.tests[0].at, f'"{node.name}" takes no test')
    if node.block is not None:
        raise ScriptError(node.at, f'"{node.name}" takes no block')


def _remark_on_redirects(nodes: tuple[Command, ...], scope: Scope) -> None:
    """RFC 5804 §2.6: more of them than one run may do are probably not meant."""
    redirects = list(_named("redirect", nodes))
    if len(redirects) > scope.limits.redirects:
        scope.remark(
            redirects[scope.limits.redirects].at, f"of all redirects at most {scope.limits.redirects} are done in one run"
        )


def _named(name: str, nodes: tuple[Command, ...]) -> list[Command]:
    found: list[Command] = []
    for node in nodes:
        if node.name == name:
            found.append(node)
        found += _named(name, node.block or ())
    return found


def _asks_mailboxes(command: tree.Command) -> bool:
    if not isinstance(command, tree.If):
        return False
    return any(_test_asks_mailboxes(test) or any(map(_asks_mailboxes, commands)) for test, commands in command.branches) or any(
        map(_asks_mailboxes, command.otherwise)
    )


def _test_asks_mailboxes(test: tree.Test) -> bool:
    match test:
        case tree.MailboxExists():
            return True
        case tree.Not(inner):
            return _test_asks_mailboxes(inner)
        case tree.AllOf(tests) | tree.AnyOf(tests):
            return any(map(_test_asks_mailboxes, tests))
        case _:
            return False
