"""What commands ask of people: passwords, which are never on the command line, and whether they mean it."""

import sys
from typing import Annotated

import typer

from mailstead_cli.api_client import ApiFailure

PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]


def given_password(from_stdin: bool, *, what: str = "Password", twice: bool = False) -> str:
    """A line of standard input, or what is typed unseen."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt(what, hide_input=True, confirmation_prompt=twice)
    return typed


def require_typed(name: str, what: str, yes: bool) -> None:
    """Before what cannot be undone its name has to be typed. Raises ApiFailure when it is another."""
    if not yes and typer.prompt(f"{what} Type {name} to go on").strip() != name:
        raise ApiFailure("that is another name; nothing was done")
