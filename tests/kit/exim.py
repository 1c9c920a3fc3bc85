"""A third mail system for tests: a private Exim on a loopback address, from Debian's package `exim4-daemon-light`.

That package cannot be installed beside Postfix: `.ci/run` unpacks it into `.peers/`. It takes mail for `exim.test`: `ok@…` is
filed (see `messages`), `later@…` is refused with 450 until `forgive`, anybody else with 550. It needs root, for a view of the
users of this machine in which there is the one whom Debian's Exim asks for.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kit.certificates import TestAuthority
from kit.waiting import eventually_now

_UNPACKED = Path(__file__).parents[2] / ".peers" / "usr" / "sbin"
EXIM = shutil.which("exim4", path=f"{_UNPACKED}:/usr/sbin")
_OWNER = "nobody"
_USER = "Debian-exim"  # compiled in

_CONFIGURATION = """
exim_path = {exim}
exim_user = nobody
exim_group = nogroup
never_users =
keep_environment =
primary_hostname = mx.exim.test
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
local_interfaces = {address}
daemon_smtp_ports = {port}
host_lookup =
rfc1413_query_timeout = 0s
recipient_unqualified_hosts =
tls_advertise_hosts = *
tls_certificate = {folder}/tls.pem
tls_privatekey = {folder}/tls.key
dsn_advertise_hosts = *
pipelining_advertise_hosts = *
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  accept domains = exim.test
         local_parts = ok
  accept domains = exim.test
         local_parts = later
         condition = ${{if exists{{{folder}/forgiven}}}}
  defer  domains = exim.test
         local_parts = later
         message = 4.7.1 Try again later
  deny   message = 5.1.1 Nobody of that name
begin routers
here:
  driver = accept
  transport = filed
begin transports
filed:
  driver = appendfile
  directory = {folder}/mail
  create_directory
  maildir_format
  user = nobody
"""


class Exim:
    """One instance; `address` and `port` are where it listens."""

    def __init__(self, folder: Path, address: str, port: int, authority: TestAuthority) -> None:
        if EXIM is None:
            pytest.skip("no third mail system: Exim is neither in .peers nor installed (Debian: exim4-daemon-light)")
        if os.geteuid() != 0:
            pytest.skip("no third mail system: Exim's daemon needs root")
        self.address = address
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("spool", "mail"):
            (folder / name).mkdir()
        for name, source in (("tls.pem", authority.certificate), ("tls.key", authority.key)):
            shutil.copy(source, folder / name)
        (folder / "exim.conf").write_text(_CONFIGURATION.format(exim=EXIM, folder=folder, address=address, port=port))
        (folder / "passwd").write_text(Path("/etc/passwd").read_text() + f"{_USER}:x:65534:65534::/nonexistent:/bin/false\n")
        (folder / "group").write_text(Path("/etc/group").read_text() + f"{_USER}:x:65534:\n")
        for path in (folder, folder / "spool", folder / "mail", folder / "tls.pem", folder / "tls.key"):
            shutil.chown(path, _OWNER)

    def start(self) -> None:
        assert EXIM
        views = " && ".join(f"mount --bind {self._folder / name} /etc/{name}" for name in ("passwd", "group"))
        script = f"{views} && exec {EXIM} -C {self._folder / 'exim.conf'} -bdf"
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually_now(lambda: "daemon started" in self.log, what="Exim has started")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=10)

    def forgive(self) -> None:
        """From now on `later@…` is taken too."""
        (self._folder / "forgiven").touch()

    @property
    def log(self) -> str:
        path = self._folder / "mainlog"
        return path.read_text() if path.exists() else ""

    def messages(self) -> list[bytes]:
        """What was filed, oldest first, with the LF ends of Exim."""
        box = self._folder / "mail" / "new"
        return [path.read_bytes() for path in sorted(box.iterdir())] if box.exists() else []


@pytest.fixture
def exim(mail_port: int, authority: TestAuthority) -> Iterator[Exim]:
    """An Exim of this test's own on 127.0.0.9, with a certificate."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="mailstead-exim-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        server = Exim(folder, "127.0.0.9", mail_port, authority)
        ending.callback(server.stop)
        server.start()
        yield server
