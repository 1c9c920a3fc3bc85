"""Dashboards and alerts: made from code, about metrics that are there; each alert has a rule Prometheus reads, and a runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.chart import CHART, INSTALLATIONS, ROOT, of_kind, render
from kit.prometheus import expressions
from kit.reference import metrics_page
from mailstead_dashboards.files import FOLDER, files

RULES = sorted((CHART / "rules").glob("*.yaml"))
KNOWN = set(re.findall(r"`(mailstead_\w+)`", metrics_page())) | {
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "up",
}
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool: on Debian, apt install prometheus")


def metrics_in(expression: str) -> set[str]:
    names = re.findall(r"\b(?:mailstead|process)_\w+|\bup\b", expression)
    return {re.sub(r"_(bucket|count|sum)$", "", name) if name not in KNOWN else name for name in names}


@pytest.mark.parametrize("name", files())
def test_the_dashboards_are_what_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text() == files()[name], "run `make reference`"


@pytest.mark.parametrize("name", files())
def test_a_dashboard_asks_for_metrics_that_are_there(name: str) -> None:
    asked = expressions(json.loads(files()[name]))
    assert asked
    for expression in asked:
        assert metrics_in(expression) <= KNOWN, expression


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_an_alert_is_named_as_its_file_and_has_a_runbook(path: Path) -> None:
    rule = yaml.safe_load(path.read_text())
    assert rule["alert"] == path.stem
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert metrics_in(rule["expr"]) <= KNOWN
    runbook = (ROOT / "docs" / "runbooks" / f"{path.stem}.md").read_text()
    assert runbook.startswith(f"# {path.stem}\n")
    assert "## What to do" in runbook


def test_each_runbook_has_an_alert() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("Mailstead*.md")}
    assert pages == {path.stem for path in RULES}


def groups() -> dict[str, Any]:
    (rule,) = of_kind(render(INSTALLATIONS["everything"]), "PrometheusRule").values()
    spec: dict[str, Any] = rule["spec"]
    return spec


def test_the_chart_installs_all_of_them() -> None:
    recorded, group = groups()["groups"]
    assert all(re.fullmatch(r"namespace\w*:mailstead_\w+:\w+", rule["record"]) for rule in recorded["rules"])
    assert all(metrics_in(rule["expr"]) <= KNOWN for rule in recorded["rules"])
    assert [rule["alert"] for rule in group["rules"]] == [path.stem for path in RULES]
    assert all(rule["annotations"]["runbook_url"].endswith(f"/{rule['alert']}.md") for rule in group["rules"])
    configured = of_kind(render(INSTALLATIONS["everything"]), "ConfigMap").values()
    installed = {name: json.loads(text) for manifest in configured for name, text in manifest["data"].items()}
    assert installed == {f"mailstead-{name}": json.loads(text) for name, text in files().items()}


@needs_promtool
def test_prometheus_reads_the_rules_and_they_fire(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups()))
    shutil.copy(Path(__file__).parent / "rules.test.yaml", tmp_path)
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]):
        done = subprocess.run([PROMTOOL, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
