"""The data folder: everything that outlives a run, readable by its owner only.

postgres/       the database cluster
socket          symbolic link to the folder of PostgreSQL's socket (in the temporary folder: socket paths are short)
certificates/   our own certificate authority, and the server's certificate
logs/           one file for each process, and the run before as .1
secrets.json    passwords between the parts
demo.env        what a person needs to log in
lock            held while a copy runs on this folder
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailstead.ops.own_certificate import write_private
from mailstead_local.failure import LocalFailure


class DataFolder:
    """Names of what is in it. Raises LocalFailure when it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.socket_link = self.path / "socket"
        self.certificates = self.path / "certificates"
        self.logs = self.path / "logs"
        self.demo_env = self.path / "demo.env"
        self._secrets = self.path / "secrets.json"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.certificates.mkdir(mode=0o700, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LocalFailure(f"cannot use the data folder {self.path}: {error.strerror}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else runs on this folder meanwhile. The kernel lets go of it whatever way this process ends."""
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(fd, 20, 0).decode(errors="replace").strip()
                raise LocalFailure(f"another copy (process {holder}) runs on the data folder {self.path}") from error
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(fd)

    def secret(self, name: str) -> str:
        """A random secret under this name: made at the first call, the same ever after."""
        known: dict[str, str] = json.loads(self._secrets.read_text()) if self._secrets.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_private(self._secrets, json.dumps(known, indent=1))
        return known[name]
