"""A compose file without Docker: each container's very command, with its environment, folders, user and order of starting.

Every container has a loopback address of its own. The images that are not ours (PostgreSQL, NATS) are there before, at the names
that the file gives them; volumes and tmpfs are folders, and what the file calls by their places inside finds them there.
"""

import os
import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from kit.chart import ROOT, Manifest
from kit.installation import sandbox
from mailstead_local.processes import Child

FILE = ROOT / "deploy" / "compose.yaml"
DOCKERFILE = (ROOT / "deploy" / "image" / "Dockerfile").read_text()
(USER,) = (int(user) for user in re.findall(r"^USER (\d+):", DOCKERFILE, re.MULTILINE))
(OBSERVE,) = re.findall(r"MAILSTEAD_OBSERVE_PORT=(\d+)", DOCKERFILE)

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::\?[^}]*)?\})")


def interpolated(value: str, variables: dict[str, str]) -> str:
    """`${NAME}`, `${NAME:?why}` and `$$`, as Docker replaces them. Raises KeyError for a variable that is not given."""
    return _VARIABLE.sub(lambda found: variables[found[1]] if found[1] else "$", value)


@dataclass
class Composed:
    """`outside`: what stands for a text of the file here, such as the address of a container that is not ours."""

    file: Manifest
    folder: Path
    net: str
    variables: dict[str, str]
    outside: dict[str, str]
    children: dict[str, Child] = field(default_factory=dict)
    _ending: ExitStack = field(default_factory=ExitStack)

    def ours(self) -> list[str]:
        """Containers of our own images, each behind those that it waits for."""
        services: dict[str, Manifest] = self.file["services"]
        found: list[str] = []

        def visit(name: str) -> None:
            for other in services[name].get("depends_on", {}):
                visit(other)
            if "build" in services[name] and name not in found:
                found.append(name)

        for name in services:
            visit(name)
        return found

    def address(self, name: str) -> str:
        return f"{self.net}.1.{1 + self.ours().index(name)}"

    def published(self, name: str) -> dict[int, tuple[str, int]]:
        """Where what the host's port leads to is here."""
        ports = (str(port).rsplit(":", 2)[-2:] for port in self.file["services"][name].get("ports", ()))
        return {int(outer): (self.address(name), int(inner)) for outer, inner in ports}

    def up(self) -> None:
        """As `docker compose up`: one after another, those that end must end well, the others become healthy."""
        services: dict[str, Manifest] = self.file["services"]
        ending = {
            other
            for service in services.values()
            for other, how in service.get("depends_on", {}).items()
            if how["condition"] == "service_completed_successfully"
        }
        self._ending.callback(self._stop)
        for name in self.ours():
            child = self.children[name] = self._child(name, services[name])
            child.start()
            if name in ending:
                assert child.wait(120), f"{name} does not end"
                assert child.exit_code == 0, child.log.read_text()
        for name in set(self.ours()) - ending:
            self.children[name].wait_until(partial(self._is_ready, name), 90)

    def down(self) -> None:
        self._ending.close()

    def _stop(self) -> None:
        for child in self.children.values():
            child.kill()

    def _is_ready(self, name: str) -> bool:
        """What the image's health command asks, at the address that the container has here."""
        try:
            return httpx.get(f"http://{self.address(name)}:{OBSERVE}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    # ---- what a container is given

    def _child(self, name: str, service: Manifest) -> Child:
        places = self._places(name, service)
        environment = {variable: self._here(str(value), places) for variable, value in service["environment"].items()}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "PYTHONSAFEPATH": "1",
            "MAILSTEAD_LISTEN_HOST": self.address(name),  # all there is, in a network of its own
            "MAILSTEAD_OBSERVE_HOST": self.address(name),
            "MAILSTEAD_OBSERVE_PORT": OBSERVE,
        }
        confined = sandbox(USER) if service.get("read_only") and "tmpfs" not in service else ()
        argv = [*confined, *(self._here(word, places) for word in service["command"])]
        return Child(name, argv, environment, self.folder / f"{name}.log")

    def _places(self, name: str, service: Manifest) -> dict[str, Path]:
        """Folders by where the container has them."""
        volumes = (str(volume).split(":") for volume in service.get("volumes", ()))
        places = {target: self.folder / "volumes" / volume for volume, target, *_ in volumes}
        places |= {str(tmpfs).partition(":")[0]: self.folder / f"{name}.tmpfs" for tmpfs in service.get("tmpfs", ())}
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
        return places

    def _here(self, text: str, places: dict[str, Path]) -> str:
        text = interpolated(text, self.variables)
        for theirs, here in self.outside.items():
            text = text.replace(theirs, here)
        for target, place in places.items():
            text = re.sub(rf"(?<![\w/]){re.escape(target)}(?!\w)", str(place), text)
        return text
