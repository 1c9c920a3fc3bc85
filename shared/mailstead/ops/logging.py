"""Logs: one JSON object a line on standard output, with the trace id that follows a message from service to service.

What a client is told and what the log says are different texts; secrets are in neither: values under the names of
`HIDDEN_KEYS` and passwords inside URLs are blotted out whoever logs them.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Literal, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor

HIDDEN_KEYS = frozenset({"password", "secret", "token", "authorization", "credentials", "private_key"})
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s/@]+@")
_CHATTY = ("nats", "alembic", "asyncio", "httpx", "httpcore", "uvicorn.access", "mail.log")


def get_logger() -> FilteringBoundLogger:
    """A logger for a module: `log.info("stored", trace_id=…, size=…)`. The event is a short constant; values are fields."""
    return cast(FilteringBoundLogger, structlog.get_logger())


def bind(**values: object) -> AbstractContextManager[None]:
    """Within this `with`, every line of this task (and of tasks it starts) carries these fields, as `bind(trace_id=…)`."""
    return structlog.contextvars.bound_contextvars(**values)


def configure(service: str, replica: str, *, level: str = "info", log_format: Literal["json", "console"] = "json") -> None:
    """Set up structlog and the standard library's logging alike. Called once, before the event loop starts."""

    def stamp(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        event.setdefault("replica", replica)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        stamp,
    ]
    render: list[Processor] = (
        [structlog.processors.format_exc_info, _hide_secrets, structlog.processors.JSONRenderer(serializer=_json)]
        if log_format == "json"
        else [_hide_secrets, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    )
    threshold = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _json(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key, value in event.items():
        if key in HIDDEN_KEYS:
            event[key] = "[hidden]"
        elif isinstance(value, str) and "://" in value:
            event[key] = _URL_PASSWORD.sub(r"\1[hidden]@", value)
    return event
