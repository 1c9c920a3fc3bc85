"""The golden scripts run by another implementation (Pigeonhole's `sieve-test`), which does the same, but where we know why."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.smtp_in.sieve_golden import Case, cases

SIEVE_TEST = shutil.which("sieve-test")

FILES = ("errors", "rfc5228-base", "rfc5229-variables", "rfc5232-imap4flags", "rfc5260-date-index", "rfc5173-body")
DIFFERENT = {
    "errors: an extension that is not here": "it has that extension",
    "errors: a namespace that nothing provides (RFC 5229 §3)": "it takes such a reference for text",
    "errors: a match variable beyond all (RFC 5229 §6)": "it has no end of them",
    "errors: a part that no date has": "it matches nothing with it",
    "errors: a MIME entity with an 8-bit header (RFC 5230 §5)": "it finds out later",
    "rfc5228-base: the null reverse-path is the empty string in every part, §5.4": "the program takes no empty sender",
    "rfc5228-base: redirect to a name and an address, §2.4.2.3; the same one twice is one": "it heeds the case of addresses",
    "rfc5228-base: a redirect to oneself is no delivery": "it learns of the loop when the message is back",
    "rfc5228-base: what came back from a redirect is not sent round again, §4.2": "it remembers redirects in a database",
    "rfc5228-base: too many redirects keep the message, §2.10.6": "such a script is no script there",
    "rfc5229-variables: an address from a variable is judged when it is known": "its program tells no implicit keep of errors",
    "rfc5229-variables: a variable is cut at its limit, not refused, §6": "its limit is another",
    "rfc5260-date-index: after hours, §5.1": "the time is the real one",
    "rfc5260-date-index: a mailbox for each month, §5.1": "the time is the real one",
}
"""Cases whose plans are not compared, and why."""


class Oracle:
    """Runs scripts in a folder of its own; as root, as somebody who may touch nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._script, self._message, self._config = (folder / name for name in ("s.sieve", "m.eml", "dovecot.conf"))
        settings = {"base_dir": folder / "run", "mail_location": f"maildir:{folder}/mail", "protocols": "", "ssl": "no"}
        if os.geteuid() == 0:
            settings |= {"mail_uid": "nobody", "mail_gid": "nogroup", "first_valid_uid": "1", "mail_home": folder / "home"}
            folder.chmod(0o777)
        self._config.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))

    def run(self, case: Case, message: str) -> str:
        """What the program says."""
        for binary in self._folder.glob("*.svbin"):
            binary.unlink()
        self._script.write_bytes(case.script.replace("\n", "\r\n").encode())
        self._message.write_bytes(message.replace("\n", "\r\n").encode())
        occasion = case.occasion()
        envelope = ["-f", occasion.sender, "-a", occasion.recipient, "-r", occasion.addresses[0]]
        command = [str(SIEVE_TEST), "-c", str(self._config), *envelope, str(self._script), str(self._message)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    if SIEVE_TEST is None:
        pytest.skip("sieve-test (dovecot-sieve) is not installed")
    with tempfile.TemporaryDirectory(prefix="mailstead-sieve-") as folder:
        yield Oracle(Path(folder))


@pytest.mark.parametrize("file", FILES)
def test_the_oracle_agrees(oracle: Oracle, file: str) -> None:
    found: dict[str, object] = {}
    compared = 0
    for case in cases():
        if not case.title.startswith(f"{file}: ") or case.title in DIFFERENT:
            continue
        if case.error is not None:
            compared += 1
            said = oracle.run(case, "From: a@b.test\n\nx\n")
            if not re.search(r"line \d+: error: ", said):
                found[case.title] = said
            continue
        for name, plan in case.plans.items():
            compared += 1
            theirs = actions(oracle.run(case, case.messages[name]))
            if theirs != ours(plan):
                found[f"{case.title}, {name}"] = (theirs, ours(plan))
    assert found == {}
    assert compared > 5


def actions(said: str) -> list[str]:
    """The actions that the program tells of, sorted."""
    found: list[str] = []
    implicit = False
    for line in said.splitlines():
        implicit |= line.startswith("Implicit keep")
        if stored := re.fullmatch(r" \* store message in folder: (.*)", line):
            found.append("keep by itself" if implicit else f'file into "{stored[1]}"')
        elif redirected := re.fullmatch(r" \* redirect message to: <(.*)>", line):
            found.append(f"redirect to {redirected[1]}")
        elif " reject" in line and line.startswith(" *"):
            found.append("reject")
        elif flags := re.fullmatch(r"\s+\+ add IMAP flags: (.*)", line):
            found[-1] += " with " + _flags(flags[1])
    return sorted(found or ["nothing"])


def ours(plan: str) -> list[str]:
    """The lines of a golden plan in the same form."""
    found = []
    for line in plan.splitlines():
        action, _, flags = line.partition(" with ")
        action = "reject" if action.startswith("reject: ") else action
        found.append(f"{action} with {_flags(flags)}" if flags else action)
    return sorted(found)


def _flags(names: str) -> str:
    return " ".join(sorted(names.lower().replace(",", " ").split()))
