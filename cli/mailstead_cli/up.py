"""`mailstead up`: the whole system on this machine."""

import os
from pathlib import Path
from typing import Annotated

import typer

_OURS = {"MAILSTEAD_DATA", "MAILSTEAD_PORT_SHIFT"}  # told to this command, not to the services


def up(
    data: Annotated[
        Path, typer.Option(envvar="MAILSTEAD_DATA", help="Folder of mail, certificates, logs and secrets", file_okay=False)
    ] = Path(".mailstead"),
    port_shift: Annotated[
        int, typer.Option(envvar="MAILSTEAD_PORT_SHIFT", help="Added to every port, for a second copy beside the first")
    ] = 0,
) -> None:
    """Start PostgreSQL, NATS and all services on this machine, with a demo domain; Ctrl-C stops them.

    Further MAILSTEAD_ variables, as MAILSTEAD_PLAINTEXT_AUTH_NETWORKS, are handed on to the services.
    """
    try:
        from mailstead_local.up import up as run_up
    except ImportError as error:
        raise typer.TyperException("the package mailstead-local is not installed: pip install 'mailstead-cli[local]'") from error
    handed_on = {name: value for name, value in os.environ.items() if name.startswith("MAILSTEAD_") and name not in _OURS}
    raise typer.Exit(run_up(data, port_shift, handed_on))
