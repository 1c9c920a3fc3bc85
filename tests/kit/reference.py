"""The pages of `docs/reference/`, made from the code so that they stay true: `make reference` writes, a test compares."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import typer.main
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings
from typer.core import TyperArgument, TyperGroup

from api.app import routes
from api.metrics import ApiMetrics, CanaryMetrics
from api.settings import ApiSettings
from canary.settings import CanarySettings
from delivery.metrics import Metrics as DeliveryMetrics
from delivery.settings import DeliverySettings
from imap.metrics import ImapMetrics
from imap.settings import ImapSettings
from jobs.metrics import JobsMetrics
from jobs.settings import JobsSettings
from mailstead.events import (
    AccountChanged,
    MailboxChanged,
    MailboxesChanged,
    OutsideTold,
    QueueFilled,
    SessionsAsked,
    SessionTold,
)
from mailstead.events.outside import CATALOGUE
from mailstead.ops.metrics import ConnectionMetrics, EventMetrics, RuntimeMetrics, count_pool, operation_timer
from mailstead.ops.settings import ServiceSettings
from mailstead_cli.main import app as commands
from pop3.metrics import Pop3Metrics
from pop3.settings import Pop3Settings
from smtp_in.content import Budget
from smtp_in.metrics import Metrics as SmtpMetrics
from smtp_in.settings import Settings as SmtpSettings

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

SETTINGS: dict[str, type[BaseSettings]] = {
    "smtp-in": SmtpSettings,
    "delivery": DeliverySettings,
    "imap": ImapSettings,
    "pop3": Pop3Settings,
    "api": ApiSettings,
    "jobs": JobsSettings,
    "canary": CanarySettings,
}
_EVENTS = (MailboxChanged, MailboxesChanged, QueueFilled, AccountChanged, SessionsAsked, SessionTold, OutsideTold)


def pages() -> dict[str, str]:
    """File name -> Markdown."""
    return {
        "settings.md": settings_page(),
        "metrics.md": metrics_page(),
        "events.md": events_page(),
        "event-types.md": event_types_page(),
        "api.md": api_page(),
        "commands.md": commands_page(),
    }


def settings_of(service: str) -> dict[str, FieldInfo]:
    """By name, of the service as its container is called."""
    return SETTINGS[service].model_fields


def settings_page() -> str:
    shared = ServiceSettings.model_fields
    lines = ["# Settings", "", "Services are told everything by environment variables.", "", "## All services", ""]
    lines += _table(("variable", "default", ""), (_setting(name, field) for name, field in shared.items()))
    for service, model in SETTINGS.items():
        own = {
            name: field
            for name, field in model.model_fields.items()
            if name not in shared or field.description != shared[name].description or field.default != shared[name].default
        }
        lines += ["", f"## {service}", ""]
        lines += _table(("variable", "default", ""), (_setting(name, field) for name, field in own.items()))
    return "\n".join([*lines, ""])


def _setting(name: str, field: FieldInfo) -> tuple[str, str, str]:
    return f"`MAILSTEAD_{name.upper()}`", _default(field), field.description or ""


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None or field.default == ():
        return ""
    assert not isinstance(field.default, SecretStr), "a secret has no default"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def metrics_page() -> str:
    lines = ["# Metrics", "", "Every service answers `/metrics` on its observe port, in Prometheus' text format.", ""]
    lines += ["Beside these there are the process and garbage-collector metrics of prometheus-client.", ""]
    groups = [("All services", _runtime_metrics()), *_service_metrics()]
    for service, registry in groups:
        lines += [f"## {service}", ""]
        lines += [*_table(("metric", "type", "labels", ""), _families(registry)), ""]
    return "\n".join(lines)


def _runtime_metrics() -> CollectorRegistry:
    registry = CollectorRegistry()
    RuntimeMetrics.register(registry)
    ConnectionMetrics.register(registry)
    EventMetrics.register(registry)
    count_pool(registry, lambda: (0, 0))
    operation_timer(registry, "store")
    return registry


def _service_metrics() -> Iterator[tuple[str, CollectorRegistry]]:
    registry = CollectorRegistry()
    SmtpMetrics(registry, Budget(0))
    yield "smtp-in", registry
    for service, metrics in (
        ("delivery", DeliveryMetrics),
        ("imap", ImapMetrics),
        ("pop3", Pop3Metrics),
        ("api", ApiMetrics),
        ("jobs", JobsMetrics),
    ):
        registry = CollectorRegistry()
        metrics.register(registry)
        if service == "api":
            CanaryMetrics.register(registry)
        yield service, registry


def _families(registry: CollectorRegistry) -> Iterator[tuple[str, str, str, str]]:
    for collector in list(registry._collector_to_names):  # the registry tells its samples only, and labels have none yet
        assert isinstance(collector, MetricWrapperBase)
        (family,) = collector.collect()
        name = family.name + ("_total" if family.type == "counter" else "")
        yield f"`{name}`", family.type, ", ".join(f"`{label}`" for label in collector._labelnames), family.documentation


def api_page() -> str:
    lines = ["# API", "", "What holds on every route is in [../api.md](../api.md)."]
    for tag, rows in _routes().items():
        lines += ["", f"## {tag}", "", *_table(("", "scope", ""), iter(rows))]
    return "\n".join([*lines, ""])


def _routes() -> dict[str, list[tuple[str, str, str]]]:
    """By tag: (method and path, scope, what it does), as the OpenAPI document says."""
    by_tag: dict[str, list[tuple[str, str, str]]] = {}
    for path, operations in routes().openapi()["paths"].items():
        for method, operation in operations.items():
            scope = f"`{operation['security'][0]['ApiKey'][0]}`" if "security" in operation else "none"
            row = (f"`{method.upper()} {path}`", scope, " ".join(operation["description"].split()))
            by_tag.setdefault(operation["tags"][0], []).append(row)
    return by_tag


def commands_page() -> str:
    lines = [
        "# Commands",
        "",
        "`mailstead` is a client of the API for people: give it the URL and a key by `--url` and `--token`, or by",
        "`MAILSTEAD_API_URL` and `MAILSTEAD_API_TOKEN`. `--json` prints what the API answers, for programs; `--help` tells the",
        "options of a command. Passwords are asked for, or read from standard input (`--password-stdin`). Before something is",
        "gone for good its name has to be typed; `--yes` does not ask. `mailstead --install-completion` completes in your shell.",
    ]
    group = typer.main.get_command(commands)
    assert isinstance(group, TyperGroup)
    alone = [command for command in group.commands.values() if not isinstance(command, TyperGroup)]
    lines += ["", *_table(("", ""), (_command("mailstead", command) for command in alone))]
    for name, below in group.commands.items():
        if isinstance(below, TyperGroup):
            rows = (_command(f"mailstead {name}", command) for command in below.commands.values())
            lines += ["", f"## {name}", "", below.help or "", "", *_table(("", ""), rows)]
    return "\n".join([*lines, ""])


def _command(of: str, command: Any) -> tuple[str, str]:
    """`command`: a TyperCommand."""
    given = [parameter for parameter in command.params if isinstance(parameter, TyperArgument)]
    names = [argument.metavar or _name(argument) for argument in given]
    return f"`{' '.join([of, command.name, *names])}`", " ".join((command.help or "").split())


def _name(argument: TyperArgument) -> str:
    name = (argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def events_page() -> str:
    lines = [
        "# Events",
        "",
        "What services tell each other over NATS after a commit. An event is a hint: losing one delays, never",
        "loses.",
    ]
    for event in _EVENTS:
        names = [field.name for field in fields(event)]
        values: dict[str, Any] = {
            field.name: {int: 1, str: f"<{field.name}>", bool: True}[cast(type, field.type)] for field in fields(event)
        }
        subject = event(**values).subject.replace(".1", ".<account_id>")
        lines += [
            "",
            f"## {event.kind}",
            "",
            f"Subject `{subject}`, fields `v`, `kind`, `at`, {', '.join(f'`{name}`' for name in names)}.",
        ]
        lines += ["", " ".join((event.__doc__ or "").split())]
    return "\n".join([*lines, ""])


def event_types_page() -> str:
    lines = [
        "# Types of events",
        "",
        "What webhooks and streams tell; [../events.md](../events.md) says how. `data` of an event has the fields of its type.",
        "New types and new fields may come: overlook what you do not know.",
    ]
    for event in CATALOGUE:
        lines += ["", f"## {event.type}", "", " ".join((event.__doc__ or "").split()), ""]
        fields_of = ((f"`{name}`", _json_type(field), field.description or "") for name, field in event.model_fields.items())
        lines += _table(("field", "type", ""), fields_of)
    return "\n".join([*lines, ""])


def _json_type(field: FieldInfo) -> str:
    assert field.annotation is not None
    schema = TypeAdapter(field.annotation).json_schema()
    kinds = [part["type"] for part in schema.get("anyOf", [schema])]
    return " or ".join(kinds)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |".replace("  ", " ")
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell for cell in row)} |".replace("  ", " ")


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
