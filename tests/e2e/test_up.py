"""`mailstead up` as a person runs it: a process that is started, asked, stopped and killed."""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from kit.waiting import eventually_now
from mailstead_local.folder import DataFolder
from mailstead_local.ports import Ports
from mailstead_local.postgres import Postgres
from mailstead_local.system import DATABASE

START_SECONDS = 90
SHIFT = 20_000 + os.getpid() % 1_000  # of its own, away from the ports of other tests and of a copy somebody runs

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


class Up:
    """One run of the command."""

    def __init__(self, data: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self.popen = subprocess.Popen(
                [str(Path(sys.executable).with_name("mailstead")), "up", "--data", str(data), "--port-shift", str(SHIFT)],
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        return self._log.read_text()

    def wait_started(self) -> None:
        eventually_now(lambda: "Ctrl-C" in self.text or self.popen.poll() is not None, START_SECONDS, "started")
        assert self.popen.poll() is None, self.text

    def wait_ended(self) -> int:
        return self.popen.wait(60)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[Up]]:
    made: list[Up] = []
    yield made
    for each in made:
        each.popen.kill()
        each.popen.wait()


def test_a_life(tmp_path: Path, runs: list[Up]) -> None:
    """Start, second copies refused, stop, start on the same data, be killed, start, lose a child."""
    data = tmp_path / "data"

    def start() -> Up:
        runs.append(Up(data, tmp_path / f"up{len(runs)}.log"))
        return runs[-1]

    first = start()
    first.wait_started()
    demo_env = (data / "demo.env").read_text()
    assert (data / "demo.env").stat().st_mode & 0o777 == 0o600
    secrets = dict(shlex.split(line)[0].split("=", 1) for line in demo_env.splitlines())
    assert _addresses(secrets["ADMIN_TOKEN"]) == [secrets["ALICE_USER"], secrets["BOB_USER"]]

    same_folder = start()
    assert same_folder.wait_ended() == 1
    assert same_folder.text.count("\n") == 1
    assert "another copy" in same_folder.text
    same_ports = Up(tmp_path / "other", tmp_path / "other.log")
    assert same_ports.wait_ended() == 1
    assert "is taken" in same_ports.text

    first.popen.send_signal(signal.SIGINT)
    assert first.wait_ended() == 0

    second = start()
    second.wait_started()
    assert (data / "demo.env").read_text() == demo_env
    second.popen.kill()
    second.wait_ended()

    third = start()
    third.wait_started()
    assert _addresses(secrets["ADMIN_TOKEN"]) == [secrets["ALICE_USER"], secrets["BOB_USER"]]
    children = Path(f"/proc/{third.popen.pid}/task")
    jobs = next(pid for task in children.iterdir() for pid in _children(task) if _runs_module(pid, "jobs"))
    os.kill(jobs, signal.SIGKILL)
    assert third.wait_ended() == 1
    assert "jobs ended (signal SIGKILL)" in third.text.splitlines()[-1]

    _make_the_schema_newer(data)
    fourth = start()
    assert fourth.wait_ended() == 1
    assert "newer" in fourth.text.splitlines()[-1]


def _make_the_schema_newer(data: Path) -> None:
    """As a later release would leave it."""
    folder = DataFolder(data)
    server = Postgres(folder, folder.secret("postgres"))
    server.start()
    try:
        asyncio.run(_execute(server.superuser_url(DATABASE), "UPDATE alembic_version SET version_num = '9999'"))
    finally:
        server.stop()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def _addresses(token: str) -> list[str]:
    url = f"http://127.0.0.1:{Ports.shifted(SHIFT).api}/v1/accounts"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    return [account["address"] for account in answer.json()["items"]]


def _children(task: Path) -> list[int]:
    return [int(pid) for pid in (task / "children").read_text().split()]


def _runs_module(pid: int, module: str) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2:] == [module.encode(), b""]
