"""The canary against the running system: mail that arrives, mail that does not, and what Prometheus is told of it."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kit.stack import Stack
from mailstead_local.ports import HOST


async def canary(stack: Stack, **settings: object) -> tuple[int, list[dict[str, Any]], str]:
    """(exit code, lines of the log, what else it said); `settings` as in `CanarySettings`, without their prefix."""
    given = {
        "smtp": f"{HOST}:{stack.ports.submission_tls}",
        "imap": f"{HOST}:{stack.ports.imap_tls}",
        "pop3": f"{HOST}:{stack.ports.pop3_tls}",
        "tls_name": "localhost",
        "tls_authority": stack.ca_file,
        "seconds": 20,
    } | settings
    environment = {f"MAILSTEAD_CANARY_{name.upper()}": str(value) for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "canary"), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, failed = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, [json.loads(line) for line in said.decode().splitlines()], failed.decode()


@pytest.fixture
def api_settings(stack: Stack, tmp_path: Path) -> dict[str, object]:
    key = tmp_path / "key"
    key.write_text(stack.demo.admin_token)
    return {"api_url": f"http://{HOST}:{stack.ports.api}", "api_key_file": key}


async def counted(stack: Stack) -> dict[tuple[str, str], float]:
    """(path, outcome) -> runs."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://{HOST}:{stack.ports.observe_api}/metrics")).text
    return {
        (sample.labels["path"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(text)
        if family.name == "mailstead_canary_runs"
        for sample in family.samples
        if sample.name.endswith("_total")
    }


async def test_mail_arrives_and_prometheus_is_told(stack: Stack, api_settings: dict[str, object]) -> None:
    """Without an account of its own it makes one, as `helm test` does, and leaves nothing behind."""
    before = await counted(stack)
    assert len(before) == 6
    code, log, said = await canary(stack, **api_settings)
    assert (code, said) == (0, "")
    assert [(line["path"], line["outcome"]) for line in log] == [("mailbox", "arrived")]
    assert 0 < log[0]["seconds"] < 20
    after = await counted(stack)
    assert {key: count - before[key] for key, count in after.items() if count != before[key]} == {("mailbox", "arrived"): 1}
    async with stack.api() as api:
        domains = (await api.get("/v1/domains", params={"limit": 100})).json()["items"]
    assert not [domain["name"] for domain in domains if domain["name"].startswith("canary-")]


async def test_an_account_that_is_given_is_used_and_left_clean(
    stack: Stack, api_settings: dict[str, object], tmp_path: Path
) -> None:
    """By way of another host, which here is an alias of the account."""
    person = await stack.new_account()
    (tmp_path / "password").write_text(person.password)
    async with stack.api() as api:
        back = person.user.replace("@", ".back@")
        (await api.post("/v1/aliases", json={"address": back, "targets": [person.user]})).raise_for_status()
    given = {"user": person.user, "password_file": tmp_path / "password", "remote": back}
    code, log, said = await canary(stack, **api_settings, **given)
    assert (code, said) == (0, "")
    assert [(line["path"], line["outcome"]) for line in log] == [("mailbox", "arrived"), ("remote", "arrived")]
    async with stack.api() as api:
        accounts = (await api.get("/v1/accounts", params={"limit": 100})).json()["items"]
    assert [account["message_count"] for account in accounts if account["address"] == person.user] == [0]


@pytest.mark.parametrize(
    ("wrong", "outcome", "reason"),
    [
        ({"tls_name": "mail.elsewhere.test"}, "refused", "SSLCertVerificationError"),
        ({"imap": f"{HOST}:1"}, "refused", "ConnectionRefusedError"),
        ({"password": "wrong"}, "refused", "SMTPAuthenticationError"),
        ({"remote": "nobody@demo.test"}, "refused", "SMTPRecipientsRefused"),
        ({"remote": "alice@demo.test", "remote_seconds": 0.5}, "late", "not in the INBOX within 0.5 s"),
    ],
)
async def test_what_fails_is_said(stack: Stack, tmp_path: Path, wrong: dict[str, object], outcome: str, reason: str) -> None:
    person = await stack.new_account()
    (tmp_path / "password").write_text(str(wrong.pop("password", person.password)))
    code, log, _ = await canary(stack, user=person.user, password_file=tmp_path / "password", **wrong)
    assert code == 1
    assert log[-1]["outcome"] == outcome
    assert reason in log[-1]["reason"]
    assert person.password not in str(log)


async def test_settings_that_do_not_go_together_are_named(stack: Stack) -> None:
    code, log, said = await canary(stack)
    assert code == 2
    assert log == []
    assert said == "mailstead canary: give MAILSTEAD_CANARY_USER, or MAILSTEAD_CANARY_API_URL to make an account with\n"
