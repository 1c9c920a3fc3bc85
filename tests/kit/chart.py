"""The chart as Helm renders it, in the ways that people install it; and the table of its values in its README."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "mailstead"
README = CHART / "README.md"
BEGIN, END = "<!-- values -->\n", "<!-- /values -->"

Manifest = dict[str, Any]

_EXTERNAL = {
    "hostname": "mail.example.com",
    "database": {"existingSecret": "passwords", "external": {"host": "postgresql.example.com", "caSecret": "authority"}},
    "nats": {"url": "nats://nats.nats:4222"},
    "tls": {"existingSecret": "certificate"},
}
INSTALLATIONS: dict[str, Manifest] = {
    "evaluation": {"hostname": "mail.example.com", "evaluation": {"enabled": True, "secret": "0123456789abcdef" * 3}},
    "external": _EXTERNAL,
    "cloudnativepg": {
        "hostname": "mail.example.com",
        "database": {"cloudnativepg": {"enabled": True, "storageClass": "fast", "backup": {"retentionPolicy": "30d"}}},
        "externalSecrets": {"enabled": True, "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"}},
        "nats": {"existingSecret": "nats"},
        "tls": {"certManager": {"enabled": True, "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"}}},
    },
    "everything": _EXTERNAL
    | {
        "image": {"registry": "registry.example.com:5000/mail", "tag": "1.2.3", "pullSecrets": ["registry"]},
        "settings": {"LOG_LEVEL": "debug"},
        "proxyNetworks": ["10.0.0.0/8", "fd00::/8"],
        "lmtpNetworks": ["10.0.0.0/8"],
        "api": {
            "firstKeySecret": "first-key",
            "ingress": {"enabled": True, "host": "api.example.com", "className": "nginx", "tlsSecret": "api"},
            "gateway": {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["api.example.com"]},
        },
        "canary": {"enabled": True, "existingSecret": "canary", "remote": "echo@example.net", "caSecret": "authority"},
        "networkPolicy": {name: [{"namespaceSelector": {}}] for name in ("monitoring", "api", "database", "nats")}
        | {"egress": [{"ports": [{"port": 11333, "protocol": "TCP"}]}]},
        "monitoring": {"podMonitor": True, "alerts": True, "dashboards": True, "labels": {"release": "prometheus"}},
        "services": {
            name: {
                "autoscaling": {"enabled": True, extra: 100},
                "settings": {"DATABASE_POOL_SIZE": 20},
                "nodeSelector": {"disk": "fast"},
                "tolerations": [{"key": "mail", "operator": "Exists"}],
            }
            for name, extra in (
                ("smtp-in", "connections"),
                ("imap", "connections"),
                ("pop3", "connections"),
                ("delivery", "oldestDueSeconds"),
                ("api", "cpu"),
                ("jobs", "cpu"),
            )
        },
    },
}


def render(values: Manifest, release: str = "mailstead") -> list[Manifest]:
    """All manifests. Raises helm_python's errors, which name what is wrong with the values."""
    with Chart.load(CHART) as chart:
        files = chart.render(values, name=release, namespace="mail")
    return [manifest for _, text in sorted(files.items()) for manifest in yaml.safe_load_all(text) if manifest]


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """By name."""
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Each pod template with what it belongs to."""
    for manifest in manifests:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        match manifest["kind"]:
            case "Deployment" | "StatefulSet" | "Job":
                yield name, manifest["spec"]["template"]
            case "CronJob":
                yield name, manifest["spec"]["jobTemplate"]["spec"]["template"]
            case "Pod":
                yield name, manifest


def containers(template: Manifest) -> list[Manifest]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def documented_values() -> dict[str, tuple[str, str]]:
    """Path of each value that may be set -> its default and what the comment above it says."""
    found: dict[str, tuple[str, str]] = {}
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        entry = re.fullmatch(r"( *)([\w-]+):(?: (.*))?", line)
        if entry is None:
            comment = [*comment, line.strip().removeprefix("# ")] if line.strip() else []
            continue
        indent = len(entry[1])
        path = [*((depth, key) for depth, key in path if depth < indent), (indent, entry[2])]
        if entry[3] is not None:
            found[".".join(key for _, key in path)] = (entry[3], " ".join(comment))
        comment = []
    return found


def readme() -> str:
    """The chart's README with the table as it should be."""
    text = README.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    rows = [f"| `{path}` | `{default}` | {said} |" for path, (default, said) in documented_values().items()]
    return text[:start] + "\n".join(["| value | default | |", "|---|---|---|", *rows, ""]) + text[end:]


if __name__ == "__main__":
    README.write_text(readme())
