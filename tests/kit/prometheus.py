"""A real Prometheus (Debian's package `prometheus`) that asks the pods of an installation for their metrics every second."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from kit.chart import of_kind
from kit.installation import SLOTS, Installation
from kit.ports import free_port
from kit.waiting import eventually
from mailstead_local.processes import Child

PROMETHEUS = shutil.which("prometheus")
NAMESPACE = "mail"


@dataclass
class Prometheus:
    """Its HTTP API."""

    client: httpx.AsyncClient

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Series with a value now. Raises AssertionError where Prometheus cannot read the expression."""
        answer = (await self.client.get("/api/v1/query", params={"query": expression})).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@asynccontextmanager
async def prometheus(installation: Installation, folder: Path) -> AsyncIterator[Prometheus]:
    """Labels are those that the chart's PodMonitor gives: namespace, pod, and `service` for what it is."""
    assert PROMETHEUS is not None
    targets = []
    for name, deployment in of_kind(installation.manifests, "Deployment").items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (port,) = (port["containerPort"] for port in container["ports"] if port["name"] == "observe")
        component = name.removeprefix("mailstead-")
        targets += [
            {
                "targets": [f"{installation.address(component, slot)}:{port}"],
                "labels": {"namespace": NAMESPACE, "service": component, "pod": f"{name}-{slot}"},
            }
            for slot in range(1, SLOTS + 1)
        ]
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "mailstead", "static_configs": targets}],
    }
    folder.mkdir()
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    port = free_port()
    options = {
        "config.file": folder / "prometheus.yml",
        "storage.tsdb.path": folder / "data",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = [PROMETHEUS, *(f"--{name}={value}" for name, value in options.items())]
    child = Child("prometheus", command, {}, folder / "prometheus.log")
    await asyncio.to_thread(child.start)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:

            async def is_ready() -> bool:
                try:
                    return (await client.get("/-/ready")).is_success
                except httpx.TransportError:
                    return False

            await eventually(is_ready, 30)
            yield Prometheus(client)
    finally:
        await asyncio.to_thread(child.kill)


def expressions(value: Any) -> list[str]:
    """Every PromQL in a dashboard."""
    if isinstance(value, dict):
        own = [value["expr"]] if isinstance(value.get("expr"), str) else []
        return own + [text for inner in value.values() for text in expressions(inner)]
    return [text for inner in value for text in expressions(inner)] if isinstance(value, list) else []
