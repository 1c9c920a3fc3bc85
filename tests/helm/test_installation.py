"""What the chart renders, run: two replicas of everything behind a load balancer, mail all the while, and a rolling restart.

Prometheus is there too: every panel and every alert must find the figures that it asks for.
"""

import asyncio
import imaplib
import json
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from kit.chart import CHART, INSTALLATIONS, Manifest, of_kind, render
from kit.installation import HAPROXY, Installation, loopback_net, sandbox
from kit.pgbouncer import PGBOUNCER, pgbouncer
from kit.ports import free_port
from kit.postgres import QUICK
from kit.prometheus import NAMESPACE, PROMETHEUS, Prometheus, expressions, prometheus
from kit.smtp_host import SmtpHost, smtp_host
from kit.traffic import Traffic
from kit.waiting import eventually
from mailstead.model.api_key import new_key
from mailstead.ops.own_certificate import Certificates
from mailstead.store.engine import open_database
from mailstead.store.invariants import check_invariants
from mailstead_dashboards.files import files
from mailstead_local.database import OWNER, create_database
from mailstead_local.folder import DataFolder
from mailstead_local.nats import answers, nats_server, nats_url
from mailstead_local.postgres import Postgres
from mailstead_local.services import SERVICES

pytestmark = [
    pytest.mark.timeout(420),
    pytest.mark.xdist_group("installation"),
    pytest.mark.skipif(None in (HAPROXY, PGBOUNCER, PROMETHEUS), reason="on Debian: apt install haproxy pgbouncer prometheus"),
]
HOSTNAME = "mail.demo.test"
USER = 10001  # whom the image runs as
START_AT_ONCE = 3  # pods; the machine has other things to do


@dataclass
class Outside:
    """What is there before the chart is installed: PostgreSQL behind a PgBouncer that wants TLS, NATS, certificates, secrets."""

    folder: Path
    net: str
    secrets: dict[str, dict[str, str]]
    owner_url: str
    admin_key: str
    authority: Path


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    net = loopback_net()
    folder = DataFolder(tmp_path / "outside")
    certificates = Certificates(folder.certificates)
    certificates.ensure((HOSTNAME, "localhost", f"{net}.0.1"))
    postgres = Postgres(folder, "superuser", QUICK)
    nats_port = free_port()
    nats = nats_server(folder.path, folder.logs / "nats.log", nats_port, "events")
    try:
        postgres.start()
        nats.start()
        nats.wait_until(lambda: answers(nats_port), 15)
        asyncio.run(create_database(postgres.superuser_url(), "mailstead", "owner"))
        passwords = {service.name: f"password of {service.name}" for service in SERVICES}
        users = {service.role: passwords[service.name] for service in SERVICES} | {OWNER: "owner"}
        key, authority = new_key(), certificates.authority.read_text()
        with pgbouncer(folder, "mailstead", certificates, f"{net}.0.1", users):
            yield Outside(
                tmp_path,
                net,
                {
                    "passwords": passwords | {"owner": "owner"},
                    "authority": {"ca.crt": authority},
                    "certificate": {"tls.crt": certificates.certificate.read_text(), "tls.key": certificates.key.read_text()},
                    "nats": {"url": nats_url(nats_port, "events")},
                    "first-key": {"key": key},
                },
                postgres.url(OWNER, "owner", "mailstead"),
                key,
                certificates.authority,
            )
    finally:
        nats.kill()
        postgres.stop()


def values(outside: Outside, remote_port: int) -> Manifest:
    """Production's way to install it: everything that matters is outside, and the load balancer speaks the PROXY protocol."""
    return INSTALLATIONS["external"] | {
        "hostname": HOSTNAME,
        "proxyNetworks": ["127.0.0.0/8"],
        "settings": {"DATABASE_PREPARED_STATEMENTS": False},
        "drainSeconds": 10,
        "preStopSeconds": 1,
        "database": {"existingSecret": "passwords", "external": {"host": f"{outside.net}.0.1", "caSecret": "authority"}},
        "nats": {"existingSecret": "nats"},
        "api": {"firstKeySecret": "first-key"},
        "canary": {"caSecret": "authority"},
        "monitoring": {"alerts": True},
        "services": {
            "delivery": {
                "settings": {
                    "DELIVERY_SMART_HOST": f"127.0.0.1:{remote_port}",
                    "DELIVERY_ALLOW_PRIVATE_NETWORKS": True,
                }
            },
            "jobs": {"settings": {"JOBS_MEASURE_SECONDS": 1, "JOBS_INVARIANTS_SECONDS": 5}},
        },
    }


@pytest.fixture
async def installation(outside: Outside, remote: SmtpHost) -> AsyncIterator[Installation]:
    """Prepared, balanced, and two pods of each Deployment ready."""
    made = Installation(outside.folder, outside.net, render(values(outside, remote.port)), outside.secrets)
    try:
        (prepare,) = of_kind(made.manifests, "Job").values()
        for _ in range(2):  # safe to run twice
            said = await asyncio.to_thread(made.run_to_end, "prepare", prepare["spec"]["template"])
            assert said.startswith("the schema is at ")
        await asyncio.to_thread(made.start_balancer)
        await all_started(made, [(component, slot) for component in made.components() for slot in (1, 2)])
        yield made
    finally:
        await asyncio.to_thread(made.stop)


@pytest.fixture
async def remote() -> AsyncIterator[SmtpHost]:
    async with smtp_host("127.0.0.1", free_port()) as host:
        yield host


async def all_started(installation: Installation, wanted: list[tuple[str, int]]) -> None:
    at_once = asyncio.Semaphore(START_AT_ONCE)

    async def start(component: str, slot: int) -> None:
        async with at_once:
            pod = await asyncio.to_thread(installation.start, component, slot)
            await asyncio.to_thread(installation.wait_ready, pod)

    async with asyncio.TaskGroup() as group:
        for component, slot in wanted:
            group.create_task(start(component, slot))


async def roll(installation: Installation, component: str, at_once: asyncio.Semaphore) -> None:
    """maxUnavailable 0, maxSurge 1: a new pod is ready before an old one is told to go."""
    for old in [pod for pod in installation.pods if pod.component == component]:
        async with at_once:
            new = await asyncio.to_thread(installation.start, component, old.slot + 2)
            await asyncio.to_thread(installation.wait_ready, new)
        await asyncio.to_thread(installation.end, old)


async def new_account(installation: Installation, key: str) -> tuple[str, str]:
    """(address, password), made through the load balancer as an operator would."""
    user, password = "alice@demo.test", "correct horse battery"
    host, port = installation.service("mailstead-api", 80)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", headers=headers, trust_env=False) as client:
        (await client.post("/v1/domains", json={"name": "demo.test"})).raise_for_status()
        (await client.post("/v1/accounts", json={"address": user, "password": password})).raise_for_status()
    return user, password


def subjects(place: tuple[str, int], context: ssl.SSLContext, user: str, password: str) -> Counter[str]:
    """Of all messages in the INBOX."""
    host, port = place
    context.check_hostname = False  # the address of a Service is in no certificate
    with imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=60) as client:
        client.login(user, password)
        client.select("INBOX", readonly=True)
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return Counter(part[1].decode().strip().removeprefix("Subject: ") for part in found if isinstance(part, tuple))


async def every_expression_finds_figures(metrics: Prometheus) -> None:
    """Each query of each panel, and all that an alert compares, within half a minute.

    What did not happen yet must be there as 0, for a counter that begins at 1 does not increase.
    """
    asked = {text for page in files().values() for text in expressions(json.loads(page))}
    asked |= {
        name for path in (CHART / "rules").glob("*.yaml") for name in re.findall(r"mailstead_\w+(?:\{[^}]*\})?", path.read_text())
    }
    asked |= {rule["expr"] for rule in yaml.safe_load((CHART / "recordings.yaml").read_text())}
    variables = {"$namespace": NAMESPACE, "$service": ".*", "$__rate_interval": "2m"}

    async def without_figures() -> list[str]:
        return [text for text in sorted(asked) if not await metrics.query(replaced(text, variables))]

    async def all_found() -> bool:
        return not await without_figures()

    try:
        await eventually(all_found, 30)
    except AssertionError:
        assert await without_figures() == []


def replaced(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace(name, value)
    return text


async def test_a_rolling_restart_under_load_loses_nothing_and_is_polite(
    installation: Installation, outside: Outside, remote: SmtpHost
) -> None:
    assert all(pod.probe("livenessProbe") for pod in installation.pods)
    assert [pod.component for pod in installation.pods if sandbox(USER) and not pod.is_restricted()] == []
    (test,) = of_kind(installation.manifests, "Pod").values()
    said = json.loads(await asyncio.to_thread(installation.run_to_end, "test", test))
    assert (said["path"], said["outcome"]) == ("mailbox", "arrived")

    user, password = await new_account(installation, outside.admin_key)
    context = ssl.create_default_context(cafile=str(outside.authority))
    names = {"smtp": "smtp-in", "submissions": "smtp-in", "imaps": "imap", "pop3s": "pop3", "http": "api"}
    ports = {"smtp": 25, "submissions": 465, "imaps": 993, "pop3s": 995, "http": 80}
    places = {name: installation.service(f"mailstead-{service}", ports[name]) for name, service in names.items()}
    traffic = Traffic(places, context, user, password, "bob@elsewhere.test")
    async with prometheus(installation, outside.folder / "prometheus") as metrics:
        async with traffic.flowing():
            await eventually(lambda: all(traffic.done.get(name, 0) >= 2 for name in names), 60)
            at_once = asyncio.Semaphore(START_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for component in installation.components():
                    group.create_task(roll(installation, component, at_once))
            assert {pod.slot for pod in installation.pods} == {3, 4}
            before = dict(traffic.done)
            await eventually(lambda: all(traffic.done[name] >= before[name] + 2 for name in names), 60)
        await eventually(lambda: len(remote.taken) >= len(traffic.relayed), 60)
        remote.say["RCPT"] = ["550 5.1.1 nobody"]  # so that somebody gets a report
        await traffic.submit()
        await every_expression_finds_figures(metrics)
    assert traffic.unkind == []
    assert traffic.polite > 0
    found = await asyncio.to_thread(subjects, places["imaps"], context, user, password)
    assert [subject for subject in traffic.acknowledged if found[subject] != 1] == []
    relayed = Counter(b"".join(re.findall(rb"^Subject: (.*)\r$", taken.content, re.MULTILINE)).decode() for taken in remote.taken)
    assert [subject for subject in traffic.relayed[:-1] if relayed[subject] != 1] == []
    async with open_database(outside.owner_url, pool_size=1) as database:
        assert await check_invariants(database) == []
