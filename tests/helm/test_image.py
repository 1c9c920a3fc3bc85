"""The Dockerfile's steps without Docker: what it copies, installed as it says into an empty folder, starts and is well.

Each service has an environment of its own, so that an import that no `pyproject.toml` declares shows.
"""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kit.chart import INSTALLATIONS, ROOT, of_kind, render
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from kit.reference import settings_of
from kit.waiting import eventually

DOCKERFILE = (ROOT / "deploy" / "image" / "Dockerfile").read_text()
UV = ROOT / ".uv" / "bin" / "uv"
IMAGES = {"smtp-in": "smtp-in", "delivery": "delivery", "imap": "imap", "pop3": "pop3", "api": "api", "jobs": "api"}

OF_OTHERS = {"delivery_port", "delivery_dns_port", "dns_port", "observe_port"}  # ports that no listener of ours has


def installed(image: str, folder: Path) -> Path:
    """The environment of one image; the `python` in it."""
    source = folder / "source"
    for copy in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *names, target = copy.split()
        for name in names:
            place = source / (name if target == "./" else target)
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, place)
    (sync,) = re.findall(r"^RUN /uv/bin/uv (sync .+)$", DOCKERFILE, re.MULTILINE)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", str(folder)),
        "UV_PROJECT_ENVIRONMENT": str(folder / "environment"),
        "UV_PYTHON_DOWNLOADS": "never",
        **{name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))},
    }
    subprocess.run(
        [UV, *sync.replace("${SERVICE}", image).split()],
        cwd=source,
        env=environment,
        check=True,
        capture_output=True,
        timeout=100,
    )
    return folder / "environment" / "bin" / "python"


@asynccontextmanager
async def started(command: list[str], environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=None)
    try:
        yield process
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.parametrize("service", IMAGES)
async def test_the_image_of_a_service_starts_and_is_healthy(service: str, database_urls: DatabaseUrls, tmp_path: Path) -> None:
    if not UV.exists():
        pytest.skip("the environment was not made by `make`: there is no .uv/bin/uv")
    python = await asyncio.to_thread(installed, IMAGES[service], tmp_path)
    deployment = of_kind(render(INSTALLATIONS["external"]), "Deployment")[f"mailstead-{service}"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"][0] == "python"
    environment = {
        "PATH": os.defpath,
        "MAILSTEAD_DATABASE_URL": database_urls.service(container["command"][2]),
        "MAILSTEAD_HOSTNAME": "mail.test",
        "MAILSTEAD_OBSERVE_PORT": str(free_port()),
        **{f"MAILSTEAD_{name.upper()}": "0" for name in settings_of(service) if name.endswith("_port") and name not in OF_OTHERS},
    }
    healthy = [str(python), "-P", "-m", "mailstead.ops.healthy"]

    async def is_healthy() -> bool:
        process = await asyncio.create_subprocess_exec(*healthy, env=environment, stderr=asyncio.subprocess.DEVNULL)
        return await process.wait() == 0

    assert not await is_healthy()
    async with started([str(python), "-P", *container["command"][1:]], environment):
        await eventually(is_healthy, seconds=30)


def test_the_image_runs_as_an_ordinary_user_and_says_whether_it_is_well() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in last
    assert '"mailstead.ops.healthy"' in last
    assert not re.search(r"apt-get|build-essential|gcc", DOCKERFILE)
