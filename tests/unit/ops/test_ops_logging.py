"""Lines of the log, as another process reads them."""

import json
import subprocess
import sys
from typing import Any

SCRIPT = """
import logging
from mailstead.ops.logging import bind, configure, get_logger
configure("imap", "host-1", level="info")
log = get_logger()
{body}
"""


def logged(body: str) -> list[dict[str, Any]]:
    outcome = subprocess.run([sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, check=True)
    assert outcome.stderr == ""
    return [json.loads(line) for line in outcome.stdout.splitlines()]


def test_a_line_says_who_and_when() -> None:
    (line,) = logged("log.info('stored', size=12); log.debug('not shown')")
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "stored", "level": "info", "service": "imap", "replica": "host-1", "size": 12}


def test_the_trace_id_follows() -> None:
    lines = logged("with bind(trace_id='abc'):\n    log.info('one')\nlog.info('two')")
    assert [line.get("trace_id") for line in lines] == ["abc", None]


def test_an_exception_is_one_line() -> None:
    (line,) = logged("try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('failed')")
    assert "ZeroDivisionError" in line["exception"]


def test_other_libraries_log_the_same_way() -> None:
    (line,) = logged("logging.getLogger('somebody.else').warning('hello %s', 'there'); logging.getLogger('nats').info('chatter')")
    assert (line["event"], line["level"], line["service"]) == ("hello there", "warning", "imap")


def test_secrets_are_blotted_out() -> None:
    lines = logged(
        "log.info('a', password='hunter2')\n"
        "log.info('b', reason='cannot reach postgresql://imap:hunter2@db/mail today')\n"
        "try:\n    raise OSError('nats://u:hunter2@nats:4222')\nexcept OSError:\n    log.exception('c')"
    )
    assert "hunter2" not in json.dumps(lines)
    assert lines[1]["reason"] == "cannot reach postgresql://imap:[hidden]@db/mail today"
