"""Mail clients written for Node.js, as `tests/node` installs them (`npm ci` there)."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "node"
SECONDS = 60


async def node(script: str, authority: Path, **environment: object) -> Any:
    """What the script says, read as JSON. Skips the test where Node.js or its packages are not there."""
    program = shutil.which("node")
    if program is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("no Node.js clients: install Node.js, and run `npm ci` in tests/node")
    process = await asyncio.create_subprocess_exec(
        program,
        str(FOLDER / script),
        env={
            "PATH": os.defpath,
            "NODE_EXTRA_CA_CERTS": str(authority),
            **{name: str(value) for name, value in environment.items()},
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, failed = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, failed.decode()
    return json.loads(said)
