"""The README's first message works as it is written: its commands are taken from there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kit.stack import Stack
from mailstead_local.ports import Ports

README = Path(__file__).parents[2] / "README.md"


def test_the_first_message(stack: Stack) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed (Debian: apt-get install curl)")
    section = README.read_text().partition("## A first message")[2].partition("\n## ")[0]
    (script,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    usual = Ports()
    for name in ("submission", "imap_tls", "api"):
        script = script.replace(f"localhost:{getattr(usual, name)}", f"localhost:{getattr(stack.ports, name)}")
    script = script.replace(".mailstead/demo.env", str(stack.folder.demo_env))
    ended = subprocess.run(["/bin/sh", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Subject: Hello" in ended.stdout and "The first one." in ended.stdout
    assert '"address":"carol@demo.test"' in ended.stdout
