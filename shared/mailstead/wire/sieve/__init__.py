"""The Sieve language: a script as text becomes a frozen tree, or a ScriptError that says where and why (RFC 5228).

`compile_script(octets, limits)` is the way in. Reading (`lexer.py`, `grammar.py`) knows nothing of what commands mean; what they
mean (`signatures.py`, `tests.py`, `actions.py`, `compile.py`) is checked here once, so that whoever runs a tree meets nothing
unknown, misplaced or not required. Pure: running a tree on a message is the planner's affair.
"""

from mailstead.wire.sieve.compile import Script, compile_script
from mailstead.wire.sieve.errors import Position, Remark, ScriptError
from mailstead.wire.sieve.extensions import ADVERTISED
from mailstead.wire.sieve.limits import DEFAULT_LIMITS, Limits
from mailstead.wire.sieve.names import MAX_NAME, is_script_name

__all__ = [
    "ADVERTISED",
    "DEFAULT_LIMITS",
    "MAX_NAME",
    "Limits",
    "Position",
    "Remark",
    "Script",
    "ScriptError",
    "compile_script",
    "is_script_name",
]
