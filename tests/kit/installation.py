"""A rendered chart without Kubernetes: the very commands of its containers, with their environment, files and probes.

What a cluster would give is given here by plain means. A pod has a loopback address of its own instead of a network; a Service
has one too, and HAProxy behind it, which asks the pods whether they are ready and, where the chart says so, speaks the PROXY
protocol to them; names of Services in the environment become these addresses. Where the kernel has user namespaces, a container
runs as the user that its pod names, without capabilities, on a root file system that nobody can write to.
"""

import functools
import http.client
import random
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from kit.chart import Manifest, of_kind
from kit.waiting import eventually_now
from mailstead_local.processes import Child

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
SLOTS = 4  # pods of a Deployment that may be there at one time: two, and the two that replace them
PORTS = 10_000  # a Service's port here is this plus its number, for only root listens below 1024
MOUNTS = "/etc/mailstead/"

_BALANCER = """
global
    stats socket {socket} level admin
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout check 3s
    timeout client 300s
    timeout server 300s
    retries 3
    option redispatch
    option httpchk GET /readyz
    default-server check inter 200ms fall 2 rise 1
"""


def loopback_net() -> str:
    """The first half of addresses that another test run will hardly use at the same time."""
    return f"127.{random.randint(64, 250)}"


@functools.cache
def sandbox(user: int) -> tuple[str, ...]:
    """What comes before a command so that it runs as `user` with nothing to write to; empty where the kernel refuses that."""
    confined = (
        *("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", 'mount -o remount,bind,ro /; exec "$@"', "sh"),
        *(
            "unshare",
            "--user",
            f"--map-user={user}",
            f"--map-group={user}",
            "setpriv",
            "--no-new-privs",
            "--pdeathsig",
            "KILL",
            "--",
        ),
    )
    try:
        allowed = subprocess.run([*confined, "true"], capture_output=True, timeout=30, check=False).returncode == 0
    except FileNotFoundError:
        return ()
    return confined if allowed else ()


@dataclass
class Pod:
    """One container at work. `slot` counts from 1 within its component."""

    component: str
    slot: int
    address: str
    container: Manifest
    child: Child

    def is_restricted(self) -> bool:
        """Whether it has no capabilities and a root file system that it cannot write to."""
        process = Path(f"/proc/{self.child.pid}")
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        mounts = [line.split() for line in (process / "mounts").read_text().splitlines()]
        (root,) = (options for _, place, _, options, *_ in mounts if place == "/")
        return int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1" and "ro" in root.split(",")

    def probe(self, name: str) -> bool:
        """Whether its `startupProbe`, `readinessProbe` or `livenessProbe` finds it well, asked as the kubelet would ask."""
        asked = self.container[name]["httpGet"]
        (port,) = (port["containerPort"] for port in self.container["ports"] if port["name"] == asked["port"])
        connection = http.client.HTTPConnection(self.address, port, timeout=self.container[name].get("timeoutSeconds", 1))
        try:
            connection.request("GET", asked["path"])
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass
class Installation:
    """`secrets`: name -> key -> value, what an operator has put into the cluster. Ended by `stop`."""

    folder: Path
    net: str
    manifests: list[Manifest]
    secrets: dict[str, dict[str, str]]
    pods: list[Pod] = field(default_factory=list)
    _ending: ExitStack = field(default_factory=ExitStack)

    def components(self) -> list[str]:
        """What has a Deployment."""
        return sorted(name.removeprefix("mailstead-") for name in of_kind(self.manifests, "Deployment"))

    def address(self, component: str, slot: int) -> str:
        """Of a pod, be it there or not."""
        return f"{self.net}.{1 + self.components().index(component)}.{slot}"

    def service(self, name: str, port: int) -> tuple[str, int]:
        """Where a Service can be reached."""
        return f"{self.net}.200.{1 + sorted(self._services()).index(name)}", PORTS + port

    def run_to_end(self, name: str, pod: Manifest) -> str:
        """A Job or a test: its last word, once it has ended well."""
        (container,) = pod["spec"]["containers"]
        child = self._child(name, container, pod, {})
        child.start()
        assert child.wait(120), f"{name} does not end"
        said = child.log.read_text()
        assert child.exit_code == 0, said
        return said

    def start(self, component: str, slot: int) -> Pod:
        """Start one pod of a Deployment, and wait until it wants traffic."""
        template = of_kind(self.manifests, "Deployment")[f"mailstead-{component}"]["spec"]["template"]
        (container,) = template["spec"]["containers"]
        address = self.address(component, slot)
        own = {"MAILSTEAD_LISTEN_HOST": address, "MAILSTEAD_OBSERVE_HOST": address}  # all there is, in a network of its own
        child = self._child(f"{component}-{slot}", container, template, own)
        child.start()
        self._ending.callback(child.kill)
        pod = Pod(component, slot, address, container, child)
        self.pods.append(pod)
        return pod

    def wait_ready(self, pod: Pod) -> None:
        pod.child.wait_until(lambda: pod.probe("startupProbe") and pod.probe("readinessProbe"), 90)
        backends = self._backends(pod)
        eventually_now(lambda: all(self._is_up(backend) for backend in backends), 10)

    def end(self, pod: Pod) -> None:
        """As Kubernetes ends a pod: it is taken out of its Services, preStop runs, SIGTERM, and some time to leave."""
        for backend in self._backends(pod):
            self._ask(f"set server {backend} state drain")
        (template,) = (
            d["spec"]["template"]["spec"]
            for name, d in of_kind(self.manifests, "Deployment").items()
            if name == f"mailstead-{pod.component}"
        )
        pre_stop = pod.container["lifecycle"]["preStop"]["sleep"]["seconds"]
        pod.child.wait(pre_stop)
        pod.child.signal(signal.SIGTERM)
        assert pod.child.wait(template["terminationGracePeriodSeconds"] - pre_stop), f"{pod.component} had to be killed"
        assert pod.child.exit_code == 0, pod.child.log.read_text()[-2000:]
        self.pods.remove(pod)

    def start_balancer(self) -> None:
        """HAProxy for all Services."""
        assert HAPROXY is not None
        text = [_BALANCER.format(socket=self._socket)]
        for backend, (service, port) in self._listeners().items():
            address, number = self.service(service["metadata"]["name"], port["port"])
            component = service["spec"]["selector"]["app.kubernetes.io/component"]
            ports = self._container_ports(component)
            proxied = " send-proxy-v2" if str(port["targetPort"]).endswith("-px") else ""
            text += [f"listen {backend}", f"    bind {address}:{number}"]
            text += [
                f"    server p{slot} {self.address(component, slot)}:{ports[port['targetPort']]}"
                f" check port {ports['observe']}{proxied}"
                for slot in range(1, SLOTS + 1)
            ]
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text("\n".join([*text, ""]))
        child = Child("haproxy", [HAPROXY, "-db", "-f", str(configuration)], {}, self.folder / "haproxy.log")
        child.start()
        self._ending.callback(child.kill)
        child.wait_until(self._socket.exists, 10)

    def stop(self) -> None:
        for pod in list(self.pods):
            pod.child.signal(signal.SIGTERM)
        for pod in list(self.pods):
            pod.child.wait(20)
        self._ending.close()

    # ---- what a container is given

    def _child(self, name: str, container: Manifest, pod: Manifest, own: dict[str, str]) -> Child:
        root = self.folder / name
        self._mount(root, container, pod)
        environment = {entry["name"]: self._value(entry, root) for entry in container["env"]} | own
        assert container["command"][0] == "python"
        command = [*sandbox(pod["spec"]["securityContext"]["runAsUser"]), sys.executable, "-P", *container["command"][1:]]
        return Child(name, command, environment | {"PATH": "/usr/bin:/bin"}, self.folder / f"{name}.log")

    def _value(self, entry: Manifest, root: Path) -> str:
        if "valueFrom" in entry:
            reference = entry["valueFrom"]["secretKeyRef"]
            return self.secrets[reference["name"]][reference["key"]]
        value = str(entry["value"]).replace(MOUNTS, f"{root}{MOUNTS}")
        for service, port in self._listeners().values():
            address, number = self.service(service["metadata"]["name"], port["port"])
            value = value.replace(f"{service['metadata']['name']}:{port['port']}", f"{address}:{number}")
        return value

    def _mount(self, root: Path, container: Manifest, pod: Manifest) -> None:
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for mount in container["volumeMounts"]:
            place = root / mount["mountPath"].removeprefix("/")
            place.mkdir(parents=True, exist_ok=True)
            secret = volumes[mount["name"]]["secret"]
            content = self.secrets[secret["secretName"]]
            for item in secret.get("items") or [{"key": key, "path": key} for key in content]:
                (place / item["path"]).write_text(content[item["key"]])

    # ---- Services

    def _services(self) -> dict[str, Manifest]:
        return of_kind(self.manifests, "Service")

    def _listeners(self) -> dict[str, tuple[Manifest, Manifest]]:
        """By the name of HAProxy's backend: a Service and one of its ports."""
        return {
            f"{name}-{port['name']}": (service, port)
            for name, service in self._services().items()
            for port in service["spec"]["ports"]
        }

    def _container_ports(self, component: str) -> dict[str, int]:
        deployment = of_kind(self.manifests, "Deployment")[f"mailstead-{component}"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        return {port["name"]: port["containerPort"] for port in container["ports"]}

    def _backends(self, pod: Pod) -> list[str]:
        return [
            f"{backend}/p{pod.slot}"
            for backend, (service, _) in self._listeners().items()
            if service["spec"]["selector"]["app.kubernetes.io/component"] == pod.component
        ]

    @property
    def _socket(self) -> Path:
        return self.folder / "haproxy.sock"

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def _is_up(self, backend: str) -> bool:
        name, _, server = backend.partition("/")
        rows = (line.split(",") for line in self._ask("show stat").splitlines())
        return any(row[:2] == [name, server] and row[17] == "UP" for row in rows if len(row) > 17)
