"""The parts of the local system: what survives being killed, and what is said when something is in the way."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from kit.certificates import NAMES, make_authority
from kit.ports import free_port
from kit.waiting import eventually_now
from mailstead_local.database import OWNER, create_database, upgrade_schema
from mailstead_local.failure import LocalFailure
from mailstead_local.folder import DataFolder
from mailstead_local.ports import Ports
from mailstead_local.postgres import Postgres
from mailstead_local.processes import Child

START = """
import sys
from pathlib import Path
from mailstead_local.folder import DataFolder
from mailstead_local.postgres import Postgres
postgres = Postgres(DataFolder(Path(sys.argv[1])), "secret")
postgres.start()
print(postgres.child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Postgres]:
    """In a folder that only its owner can enter, as the home folder of root is."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    postgres = Postgres(DataFolder(home / "data"), "secret")
    yield postgres
    postgres.stop()


def ask(url: str, sql: str) -> object:
    async def query() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(query())


def test_a_cluster_is_made_and_found_again(cluster: Postgres) -> None:
    cluster.start()
    assert ask(cluster.superuser_url(), "SHOW synchronous_commit") == "on"
    assert ask(cluster.superuser_url(), "SHOW listen_addresses") == ""
    ask(cluster.superuser_url(), "CREATE TABLE kept ()")
    cluster.stop()
    cluster.start()
    assert ask(cluster.superuser_url(), "SELECT count(*) FROM kept") == 0


def test_a_password_is_asked_for(cluster: Postgres) -> None:
    cluster.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(cluster.url("postgres", "guessed", "postgres"), "SELECT 1")


def test_a_killed_server_recovers(cluster: Postgres) -> None:
    cluster.start()
    ask(cluster.superuser_url(), "CREATE TABLE kept ()")
    cluster.child.kill()
    cluster.start()
    assert ask(cluster.superuser_url(), "SELECT count(*) FROM kept") == 0


def test_killing_the_parent_leaves_a_folder_that_starts_again(tmp_path: Path) -> None:
    """The server shuts down when we die, and whoever comes next waits for that."""
    folder = tmp_path / "data"
    parent = subprocess.Popen(
        [sys.executable, "-c", START, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None and parent.stdout is not None
    server = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    postgres = Postgres(DataFolder(folder), "secret")
    try:
        postgres.start()
        assert postgres.child.pid != server
        assert ask(postgres.superuser_url(), "SELECT 1") == 1
    finally:
        postgres.stop()


def test_a_pid_file_that_names_a_stranger(cluster: Postgres, tmp_path: Path) -> None:
    cluster.start()
    cluster.child.kill()
    pid_file = tmp_path / "home" / "data" / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    cluster.start()
    assert ask(cluster.superuser_url(), "SELECT 1") == 1


def test_a_folder_of_another_postgresql(cluster: Postgres, tmp_path: Path) -> None:
    cluster.start()
    cluster.stop()
    (tmp_path / "home" / "data" / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(LocalFailure, match="was made by PostgreSQL 15"):
        cluster.start()


def test_a_database_of_a_newer_release(cluster: Postgres) -> None:
    cluster.start()
    asyncio.run(create_database(cluster.superuser_url(), "mailstead", "secret"))
    owner = cluster.url(OWNER, "secret", "mailstead")
    asyncio.run(upgrade_schema(owner))
    ask(owner, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LocalFailure, match="schema 9999, which this release does not know"):
        asyncio.run(upgrade_schema(owner))


def test_one_copy_at_a_time_on_a_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.locked(), pytest.raises(LocalFailure, match=f"another copy \\(process {os.getpid()}\\)"), folder.locked():
        pass
    with folder.locked():
        pass


def test_secrets_are_kept_and_private(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "data").secret("alice")
    again = DataFolder(tmp_path / "data")
    assert again.secret("alice") == first
    assert again.secret("bob") != first
    assert (tmp_path / "data" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        ports = replace(Ports(**dict.fromkeys(Ports.__slots__, free_port())), imap_tls=number)
        with pytest.raises(LocalFailure, match=f"port {number} \\(imap tls\\) is taken"):
            ports.check_free()


def test_ports_move_together() -> None:
    assert (Ports.shifted(100).smtp, Ports.shifted(100).observe_jobs) == (2625, 9206)
    with pytest.raises(LocalFailure, match="MAILSTEAD_PORT_SHIFT=60000"):
        Ports.shifted(60_000)


def test_certificates_are_kept_until_names_change(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    before = authority.certificate.read_bytes()
    authority.files.ensure(NAMES)
    assert authority.certificate.read_bytes() == before
    authority.files.ensure((*NAMES, "mail.demo.test"))
    assert authority.certificate.read_bytes() != before
    assert authority.key.stat().st_mode & 0o777 == 0o600


def child(tmp_path: Path, script: str) -> Child:
    return Child("part", ["/bin/sh", "-c", script], {"PATH": os.defpath}, tmp_path / "part.log")


def test_a_child_that_ends_while_it_is_waited_for(tmp_path: Path) -> None:
    part = child(tmp_path, """echo 'first'; echo '{"event": "cannot start", "reason": "no disk"}'; exit 3""")
    part.start()
    with pytest.raises(LocalFailure, match=r"part ended \(exit code 3\): cannot start: no disk; its log is"):
        part.wait_until(lambda: False, 5)


def test_a_program_that_is_missing(tmp_path: Path) -> None:
    part = Child("part", ["/nonexistent/program"], {}, tmp_path / "part.log")
    with pytest.raises(LocalFailure, match="cannot start part: "):
        part.start()


def test_a_signal_reaches_the_whole_group(tmp_path: Path) -> None:
    part = child(tmp_path, "sleep 60 & echo $!; wait")
    part.start()
    eventually_now(lambda: (tmp_path / "part.log").read_text().strip().isdigit())
    grandchild = int((tmp_path / "part.log").read_text())
    part.signal(signal.SIGKILL)
    assert part.wait(5)
    eventually_now(lambda: not _alive(grandchild), what="the grandchild ended")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
