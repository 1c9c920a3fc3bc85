"""Child processes: in process groups of their own, logging to a file, and gone when we are gone.

A child whose parent dies, however it dies, is sent a signal by the kernel (PR_SET_PDEATHSIG), so that killing us never leaves
half a system behind.
"""

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from mailstead_local.failure import LocalFailure

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02
_TAIL = 4096  # octets at the end of a log that are looked at
_libc = ctypes.CDLL(None, use_errno=True)
# The kernel takes the end of the thread that made a child for the death of its parent: one that lasts as long as we do makes all.
_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")


@dataclass(frozen=True, slots=True)
class RunAs:
    """The user a child becomes; only root can say so."""

    name: str
    uid: int
    gid: int


class Identity(TypedDict, total=False):
    """What subprocess takes for a change of user."""

    user: int
    group: int
    extra_groups: list[int]


def identity(run_as: RunAs | None) -> Identity:
    """Empty to stay who we are."""
    return Identity(user=run_as.uid, group=run_as.gid, extra_groups=[]) if run_as else Identity()


@dataclass(slots=True)
class Child:
    """How to start one process, and the process once started. Starting again after it ended is allowed."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    run_as: RunAs | None = None
    pass_fds: Sequence[int] = ()
    on_orphaned: signal.Signals = signal.SIGKILL  # what it is sent when we die
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Negative for a signal; None while it runs, or was never started."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Raises LocalFailure when the program cannot be executed."""
        if self.log.exists():
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
            try:
                self._process = _spawner.submit(self._spawn, log.fileno(), os.getpid()).result()
            except OSError as error:
                raise LocalFailure(f"cannot start {self.name}: {error}") from error

    def _spawn(self, log: int, parent: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.argv,
            env=dict(self.environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_die_with_parent(self.on_orphaned, parent),
            pass_fds=self.pass_fds,
            **identity(self.run_as),
        )

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Raises LocalFailure when the process ends before `ready`, or is not ready in time."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise LocalFailure(self.epitaph())
            if time.monotonic() > deadline:
                raise LocalFailure(f"{self.name} is not ready after {seconds:g} s; its log is {self.log}")
            time.sleep(_POLL_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """To its whole group; nothing if it has ended."""
        if self.running:
            os.killpg(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """At once and without a word to it."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def epitaph(self) -> str:
        """How it ended, with the last it said, as one line."""
        assert self._process is not None
        code = self.exit_code
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return f"{self.name} ended ({how}): {_last_words(self.log)}; its log is {self.log}"


def _last_words(log: Path) -> str:
    """The last line of a log; of a line of JSON, what matters of it."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    try:
        entry = json.loads(lines[-1])
        return f"{entry['event']}: {entry['reason']}" if "reason" in entry else str(entry["event"])
    except (ValueError, KeyError, TypeError):
        return lines[-1].strip()


def _die_with_parent(number: signal.Signals, parent: int) -> Callable[[], None]:
    def arrange() -> None:
        """Runs in the child between fork and exec, after it has become its user (which would reset the arrangement)."""
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died before the arrangement held
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange
