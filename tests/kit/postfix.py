"""A second mail system for tests: a private Postfix (Debian's package `postfix`) in a temporary folder, on a loopback address.

It takes mail for its domains: `ok@…` is filed (see `messages`), `later@…` is refused with 450, anybody else with 550. It offers
PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN and, with a certificate, STARTTLS. Postfix's master process needs root.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from kit.certificates import TestAuthority
from kit.ports import free_port
from kit.waiting import eventually_now

POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/local/sbin:/usr/bin")
_MASTER = Path("/usr/share/postfix/master.cf.dist")
_MAIL_USER = "nobody"

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {hostname}
mydestination =
mynetworks =
alias_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/etc/access, reject_unauth_destination
smtpd_reject_unlisted_recipient = yes
smtpd_peername_lookup = no
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
in_flow_delay = 0
"""


class Postfix:
    """One instance; `address` and `port` are where it listens for SMTP."""

    hostname = "mx.postfix.test"

    def __init__(self, folder: Path, domains: Sequence[str], address: str, port: int, authority: TestAuthority | None) -> None:
        if POSTFIX is None or not _MASTER.exists():
            pytest.skip("no second mail system: Postfix is not installed (Debian: apt-get install postfix)")
        if os.geteuid() != 0:
            pytest.skip("no second mail system: Postfix's master process needs root")
        self.address = address
        self.port = port
        self._folder = folder
        self._domains = tuple(domains)
        self._write(authority)

    def start(self) -> None:
        assert POSTFIX
        subprocess.run([POSTFIX, "-c", str(self._folder / "etc"), "start"], check=True, capture_output=True, timeout=30)
        eventually_now(lambda: "daemon started" in self.log, what="Postfix has started")

    def stop(self) -> None:
        assert POSTFIX
        subprocess.run([POSTFIX, "-c", str(self._folder / "etc"), "stop"], capture_output=True, timeout=30)

    @property
    def log(self) -> str:
        path = self._folder / "mail.log"
        return path.read_text() if path.exists() else ""

    def messages(self, address: str = "ok") -> list[bytes]:
        """What was filed for a mailbox (its local part, or the whole address), oldest first, with the LF ends of Postfix."""
        user, _, domain = address.partition("@")
        boxes = [self._folder / "mail" / (domain or d) / user / "new" for d in ([domain] if domain else self._domains)]
        files = [path for box in boxes if box.exists() for path in box.iterdir()]
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)]

    def forgive(self) -> None:
        """From now on `later@…` is taken too."""
        (self._folder / "etc" / "access").write_text("")
        self._reload()

    def configure(self, *lines: str) -> None:
        """These lines instead of those that were configured so before."""
        (self._folder / "etc" / "main.cf").write_text("\n".join([self._main, *lines, ""]))
        self._reload()

    def flush(self) -> None:
        """Try all that waits in the queue now."""
        assert POSTFIX
        subprocess.run([POSTFIX, "-c", str(self._folder / "etc"), "flush"], check=True, capture_output=True, timeout=30)

    def _reload(self) -> None:
        assert POSTFIX
        before = self.log.count("reload --")
        subprocess.run([POSTFIX, "-c", str(self._folder / "etc"), "reload"], check=True, capture_output=True, timeout=30)
        eventually_now(lambda: self.log.count("reload --") > before, what="Postfix has reloaded")

    def _write(self, authority: TestAuthority | None) -> None:
        user = pwd.getpwnam(_MAIL_USER)
        for name in ("etc", "spool", "data", "mail"):
            (self._folder / name).mkdir()
        shutil.chown(self._folder / "data", "postfix")
        shutil.chown(self._folder / "mail", _MAIL_USER)
        main = _MAIN.format(
            folder=self._folder,
            hostname=self.hostname,
            domains=" ".join(self._domains),
            uid=user.pw_uid,
            gid=user.pw_gid,
        )
        if authority:
            key = self._folder / "etc" / "tls.key"
            shutil.copy(authority.key, key)
            key.chmod(0o600)
            main += f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {authority.certificate}\nsmtpd_tls_key_file = {key}\n"
        etc = self._folder / "etc"
        (etc / "main.cf").write_text(main)
        self._main = main
        (etc / "mailboxes").write_text("".join(f"{user}@{d} {d}/{user}/\n" for d in self._domains for user in ("ok", "later")))
        (etc / "access").write_text("".join(f"later@{d} 450 4.7.1 Try again later\n" for d in self._domains))
        master = re.sub(
            r"^smtp +inet .*smtpd", f"{self.address}:{self.port} inet n - n - - smtpd", _MASTER.read_text(), flags=re.M
        )
        unchrooted = r"^([a-z0-9:.-]+ +(?:inet|unix|unix-dgram) +[-a-z]+ +[-a-z]+ +)y"
        (etc / "master.cf").write_text(re.sub(unchrooted, r"\1n", master, flags=re.M))


@pytest.fixture(scope="session")
def mail_port() -> int:
    """The port on which all foreign mail hosts of this test run listen, each on an address of its own."""
    return free_port()


@pytest.fixture
def postfix(mail_port: int, authority: TestAuthority) -> Iterator[Postfix]:
    """A Postfix of this test's own on 127.0.0.2, for the domain `postfix.test`, with a certificate."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="mailstead-postfix-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        server = Postfix(folder, ["postfix.test"], "127.0.0.2", mail_port, authority)
        ending.callback(server.stop)
        server.start()
        yield server
