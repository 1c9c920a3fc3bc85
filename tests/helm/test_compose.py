"""`deploy/compose.yaml`: what it asks of Docker, and what it starts, started without Docker, with a message through all of it."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kit.chart import ROOT, Manifest
from kit.compose import FILE, USER, Composed, interpolated
from kit.installation import loopback_net
from kit.ports import free_port
from kit.postgres import QUICK
from kit.reference import settings_of
from mailstead_local.database import OWNER, create_database
from mailstead_local.folder import DataFolder
from mailstead_local.nats import answers, nats_server, nats_url
from mailstead_local.postgres import Postgres
from mailstead_local.processes import Child

COMPOSED: Manifest = yaml.safe_load(FILE.read_text())
RUNNING = ("smtp-in", "delivery", "imap", "pop3", "api", "jobs")
PASSWORD = "0123456789abcdef" * 3
HOSTNAME = "mail.demo.test"
AS_ROOT = f" && chown -R {USER} /tls"  # what a test may not do, and need not: the folder is its own


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Composed]:
    net = loopback_net()
    folder = DataFolder(tmp_path / "outside")
    postgres = Postgres(folder, "superuser", QUICK | {"listen_addresses": f"{net}.0.1"})
    nats_port = free_port()
    nats = nats_server(folder.path, folder.logs / "nats.log", nats_port, "events")
    outside = {"@postgresql/": f"@{net}.0.1/", "nats://nats:4222": nats_url(nats_port, "events"), AS_ROOT: ""}
    made = Composed(COMPOSED, tmp_path, net, {"MAILSTEAD_HOSTNAME": HOSTNAME, "MAILSTEAD_PASSWORD": PASSWORD}, outside)
    try:
        postgres.start()
        nats.start()
        nats.wait_until(lambda: answers(nats_port), 15)
        asyncio.run(create_database(postgres.superuser_url(), "mailstead", PASSWORD))
        made.up()
        yield made
    finally:
        made.down()
        nats.kill()
        postgres.stop()


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("installation")
def test_a_message_goes_through_what_it_starts(composed: Composed, tmp_path: Path) -> None:
    smtp, imap, pop3 = (
        "{}:{}".format(*composed.published(name)[port]) for name, port in (("smtp-in", 465), ("imap", 993), ("pop3", 995))
    )
    key = tmp_path / "key"
    key.write_text(f"ms_{PASSWORD}")
    canary = Child(
        "canary",
        ["python", "-m", "canary"],
        dict(composed.children["api"].environment)
        | {
            "MAILSTEAD_CANARY_SMTP": smtp,
            "MAILSTEAD_CANARY_IMAP": imap,
            "MAILSTEAD_CANARY_POP3": pop3,
            "MAILSTEAD_CANARY_API_URL": "http://{}:{}".format(*composed.published("api")[8080]),
            "MAILSTEAD_CANARY_API_KEY_FILE": str(key),
            "MAILSTEAD_CANARY_TLS_NAME": HOSTNAME,
            "MAILSTEAD_CANARY_TLS_AUTHORITY": str(tmp_path / "volumes" / "certificates" / "ca.pem"),
        },
        tmp_path / "canary.log",
    )
    canary.start()
    assert canary.wait(90)
    assert canary.exit_code == 0, canary.log.read_text()
    assert '"arrived"' in canary.log.read_text()


def test_each_image_can_be_built() -> None:
    for name in (*RUNNING, "prepare", "certificates"):
        build = COMPOSED["services"][name]["build"]
        context = (FILE.parent / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).is_file()
        assert (context / "services" / build["args"]["SERVICE"] / "pyproject.toml").is_file()


def test_what_runs_is_restricted_and_has_time_to_drain() -> None:
    for name in RUNNING:
        service = COMPOSED["services"][name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(volume.endswith(":ro") for volume in service["volumes"])
        drain = int(service["environment"]["MAILSTEAD_DRAIN_SECONDS"])
        assert int(service["stop_grace_period"].removesuffix("s")) > drain + 10


def test_each_variable_is_a_setting_and_each_published_port_a_listener() -> None:
    for name in RUNNING:
        service, settings = COMPOSED["services"][name], settings_of(name)
        assert set(service["environment"]) <= {f"MAILSTEAD_{setting.upper()}" for setting in settings} | {"PGPASSWORD"}
        defaults = {str(field.default) for setting, field in settings.items() if setting.endswith("_port")}
        assert {port.rpartition(":")[2] for port in service.get("ports", ())} <= defaults


def test_images_of_others_have_a_version() -> None:
    for service in COMPOSED["services"].values():
        assert "build" in service or re.fullmatch(r"[a-z]+:\d+(\.\d+)*(-[a-z]+)?", service["image"])


def test_without_its_two_variables_it_says_what_is_missing() -> None:
    asked = dict(re.findall(r"\$\{(\w+):\?([^}]+)\}", FILE.read_text()))
    assert asked.keys() == {"MAILSTEAD_HOSTNAME", "MAILSTEAD_PASSWORD"}
    assert set(re.findall(r"\$\{(\w+)", FILE.read_text())) == asked.keys()
    assert interpolated("$$x ${A:?b} ${A}", {"A": "1"}) == "$x 1 1"


def test_the_database_is_made_for_the_role_that_prepares_it() -> None:
    assert COMPOSED["services"]["postgresql"]["environment"]["POSTGRES_USER"] == OWNER
