"""How large a script and its parts may be (promise S3)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`octets` of a script, levels of `nesting` (blocks and tests), `commands` (tests too) and `strings` in all.

    `redirects`: of one run.
    """

    octets: int = 64 * 1024
    nesting: int = 32
    commands: int = 10_000
    strings: int = 20_000
    redirects: int = 4


DEFAULT_LIMITS = Limits()
