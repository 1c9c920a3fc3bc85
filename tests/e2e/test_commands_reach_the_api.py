"""What the API can do `mailstead` can: each operation of the OpenAPI document is reached by a command, or the reason stands here.

The commands run in this process, against the running system; a spy below httpx notes which operations they asked for.
"""

import json
import re
import time
from base64 import b32decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from api.app import routes
from kit.sending import send
from kit.stack import Stack
from kit.waiting import eventually_now
from mailstead.wire.otp import STEP, code_at
from mailstead_cli.main import app
from mailstead_local.demo import Person
from mailstead_local.ports import HOST

WITHOUT_COMMAND = {
    "sign_in": "the console's: commands are let in by keys",
    "get_sign_in": "the console's",
    "sign_out": "the console's",
    "get_mailbox": "`mailboxes list` shows all of each",
    "get_suppression": "`suppressions list` shows all of each",
    "get_queue_pause": "`queue pauses` shows all of each",
    "update_message_flags": "`messages flag` asks for any number of messages at once",
    "delete_message": "`messages delete` asks for any number of messages at once",
    "report_canary_run": "of the program that sends messages to itself, which reports by itself",
    "stream_events": "`events follow` has no end: test_events_are_followed looks at it",
}
REACHED: dict[str, frozenset[str]] = {}
"""Which operations the commands of a test reach, by its name."""

Test = Callable[..., object]


def reaches(*operations: str) -> Callable[[Test], Test]:
    """The commands of this test ask for all of these."""

    def note(test: Test) -> Test:
        REACHED[test.__name__] = frozenset(operations)
        return test

    return note


def operations_of_the_document() -> dict[str, tuple[str, re.Pattern[str]]]:
    """operation -> method, path."""
    return {
        operation["operationId"]: (method.upper(), re.compile(re.sub(r"{[^}]+}", "[^/]+", path)))
        for path, methods in routes().openapi()["paths"].items()
        for method, operation in methods.items()
    }


class Commands:
    """`mailstead`, in this process."""

    def __init__(self, stack: Stack) -> None:
        self.asked: list[tuple[str, str]] = []
        self._environment = {
            "MAILSTEAD_API_URL": f"http://{HOST}:{stack.ports.api}",
            "MAILSTEAD_API_TOKEN": stack.demo.admin_token,
            "COLUMNS": "250",
        }

    def run(self, *arguments: str, typed: str = "", status: int = 0) -> str:
        """What it says on standard output, or for another `status` on standard error."""
        ended = CliRunner().invoke(app, arguments, input=typed, env=self._environment)
        assert ended.exit_code == status, (ended.stderr, ended.exception)
        return ended.stderr if status else ended.stdout

    def json(self, *arguments: str, typed: str = "") -> Any:
        return json.loads(self.run(*arguments, "--json", typed=typed))


@pytest.fixture
def commands(stack: Stack, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    made = Commands(stack)
    send_request = httpx.Client.send

    def noted(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        made.asked.append((request.method, request.url.path))
        return send_request(client, request, **options)

    monkeypatch.setattr(httpx.Client, "send", noted)
    yield made
    known = operations_of_the_document()
    reached = {
        name
        for name, (wanted, pattern) in known.items()
        if any(method == wanted and pattern.fullmatch(path) for method, path in made.asked)
    }
    assert REACHED[request.node.name] <= reached


@pytest.fixture
async def person(stack: Stack) -> Person:
    return await stack.new_account()


def test_every_operation_has_a_command_or_a_reason() -> None:
    with_command = frozenset[str]().union(*REACHED.values())
    assert with_command | WITHOUT_COMMAND.keys() == operations_of_the_document().keys()
    assert not with_command & WITHOUT_COMMAND.keys()


@reaches("create_tenant", "list_tenants", "get_tenant", "update_tenant", "delete_tenant")
def test_tenants(commands: Commands) -> None:
    tenant = str(commands.json("tenants", "create", "Acme")["id"])
    assert "Acme" in commands.run("tenants", "list")
    assert f"tenant {tenant} is Acme & Sons" in commands.run("tenants", "rename", tenant, "Acme & Sons")
    assert commands.json("tenants", "show", tenant)["name"] == "Acme & Sons"
    assert "is suspended" in commands.run("tenants", "suspend", tenant, typed="y\n")
    assert commands.json("tenants", "show", tenant)["active"] is False
    assert "works again" in commands.run("tenants", "resume", tenant)
    assert "nothing was done" in commands.run("tenants", "delete", tenant, typed="Acme\n", status=1)
    commands.run("tenants", "delete", tenant, typed="Acme & Sons\n")
    assert "Sons" not in commands.run("tenants", "list")


@reaches(
    *("create_domain", "list_domains", "get_domain", "update_domain", "delete_domain", "restore_domain"),
    *("get_domain_dns", "verify_domain"),
)
def test_domains(commands: Commands) -> None:
    commands.run("domains", "create", "reach.test")
    assert commands.json("domains", "create", "reach-too.test", "--alias-of", "reach.test")["alias_of"] == "reach.test"
    options = ("--suspended", "--scram", "--junk-score", "5", "--reject-score", "15", "--max-accounts", "3")
    changed = commands.json("domains", "change", "reach.test", *options, "--retention-days", "7")
    assert (changed["active"], changed["scram"], changed["junk_score"]) == (False, True, 5)
    assert (changed["reject_score"], changed["max_accounts"], changed["retention_days"]) == (15, 3, 7)
    assert commands.json("domains", "show", "reach.test") == changed
    assert "retention days" in commands.run("domains", "show", "reach.test")
    assert commands.run("domains", "verify", "reach.test", status=1)
    assert commands.run("domains", "dns", "reach.test", status=1) == ""
    commands.run("domains", "delete", "reach-too.test", typed="y\n")
    assert "reach-too.test" in commands.run("domains", "list", "--deleted")
    commands.run("domains", "restore", "reach-too.test")
    for name in ("reach-too.test", "reach.test"):
        assert "nothing was done" in commands.run("domains", "delete", name, "--erase", typed="y\n", status=1)
        commands.run("domains", "delete", name, "--erase", typed=f"{name}\n")


@reaches("create_signing_key", "list_signing_keys", "update_signing_key", "delete_signing_key")
def test_signing_keys(commands: Commands) -> None:
    commands.run("domains", "create", "signs.test")
    assert "v=DKIM1" in commands.run("signing-keys", "create", "signs.test", "s1", "--algorithm", "ed25519-sha256")
    assert "s1 of signs.test is active" in commands.run("signing-keys", "activate", "signs.test", "s1")
    assert "Retire it first" in commands.run("signing-keys", "delete", "signs.test", "s1", status=1)
    assert commands.json("signing-keys", "retire", "signs.test", "s1")["state"] == "retired"
    assert "s1._domainkey.signs.test" in commands.run("signing-keys", "list", "signs.test", "--records")
    commands.run("signing-keys", "delete", "signs.test", "s1")
    assert "none" in commands.run("signing-keys", "list", "signs.test")
    commands.run("domains", "delete", "signs.test", "--erase", "--yes")


@reaches(
    *("create_account", "list_accounts", "get_account", "update_account", "delete_account", "restore_account", "import_accounts"),
    *("get_usage", "list_mailbox_usage", "list_identities", "list_last_logins", "list_sessions", "end_sessions"),
    *("get_mobileconfig", "change_password", "get_role", "give_role"),
)
def test_accounts(commands: Commands, tmp_path: Path) -> None:
    dora = "dora@accounts.test"
    commands.run("domains", "create", "accounts.test")
    commands.run("accounts", "create", dora, "--quota", "1G", typed="a first secret\na first secret\n")
    forwards = ("--forward", "x@else.test", "--forward", "y@else.test", "--forward-only", "--file-tags")
    quotas = ("--quota", "2G", "--quota-messages", "9", "--send-as", "z@else.test")
    changed = commands.json("accounts", "change", dora, *quotas, *forwards)
    assert (changed["quota_bytes"], changed["quota_messages"]) == (2 * 2**30, 9)
    assert (changed["forwards"], changed["keeps_copy"]) == (["x@else.test", "y@else.test"], False)
    assert (changed["files_tags"], changed["send_as"]) == (True, ["z@else.test"])
    assert "2 GiB" in commands.run("accounts", "show", dora)
    assert "z@else.test" in commands.run("accounts", "identities", dora)
    plain = commands.json("accounts", "change", dora, "--no-forwards", "--no-send-as", "--ignore-tags", "--suspended")
    assert (plain["forwards"], plain["keeps_copy"], plain["send_as"], plain["files_tags"]) == ([], True, [], False)
    assert plain["active"] is False
    assert "is no size" in commands.run("accounts", "change", dora, "--quota", "much", status=1)
    commands.run("accounts", "change", dora, "--active")

    commands.run("accounts", "password", dora, typed="a second secret\na second secret\n")
    wrong, right = "a first secret\na third secret\n", "a second secret\na third secret\n"
    assert "not the password" in commands.run(
        "accounts", "password", dora, "--with-present", "--password-stdin", typed=wrong, status=1
    )
    commands.run("accounts", "password", dora, "--with-present", "--password-stdin", typed=right)
    assert commands.json("accounts", "role", dora)["role"] == "owner"
    assert "tenant_admin" in commands.run("accounts", "role", dora, "tenant_admin")

    assert commands.json("accounts", "usage", dora)["quota_messages"] == 9
    assert "INBOX" in commands.run("accounts", "usage", dora, "--mailboxes")
    assert "none" in commands.run("accounts", "last-logins", dora)
    assert "none" in commands.run("accounts", "sessions", dora)
    commands.run("accounts", "sessions", dora, "--end")
    profile = tmp_path / "dora.mobileconfig"
    commands.run("accounts", "mobileconfig", dora, str(profile))
    assert b"dora@accounts.test" in profile.read_bytes()
    rows = tmp_path / "more.csv"
    rows.write_text("address,password\nemma@accounts.test,a first secret\n")
    assert "1 accounts made" in commands.run("accounts", "import", str(rows))

    commands.run("accounts", "delete", dora, typed="y\n")
    assert dora in commands.run("accounts", "list", "--domain", "accounts.test", "--deleted")
    commands.run("accounts", "restore", dora)
    assert "nothing was done" in commands.run("accounts", "delete", dora, "--erase", typed="dora\n", status=1)
    for address in (dora, "emma@accounts.test"):
        commands.run("accounts", "delete", address, "--erase", typed=f"{address}\n")
    commands.run("domains", "delete", "accounts.test", "--erase", "--yes")


@reaches("get_totp", "make_totp", "confirm_totp", "make_recovery_codes", "delete_totp")
def test_one_time_passwords(commands: Commands, person: Person) -> None:
    secret = commands.json("totp", "create", person.user)["secret"]
    assert "is wrong" in commands.run("totp", "confirm", person.user, "--code", "000000", status=1)
    code = code_at(b32decode(secret), int(time.time() // STEP))
    assert "are on" in commands.run("totp", "confirm", person.user, typed=f"{code}\n")
    assert len(commands.run("totp", "recovery-codes", person.user).split("\n")) == 11
    assert commands.json("totp", "show", person.user) == {"enabled": True, "recovery_codes_left": 10}
    commands.run("totp", "off", person.user, typed="y\n")
    assert commands.json("totp", "show", person.user)["enabled"] is False


@reaches("create_app_password", "list_app_passwords", "revoke_app_password")
def test_app_passwords(commands: Commands, person: Person) -> None:
    made = commands.json("app-passwords", "create", person.user, "Phone", "--expires", "2100-01-31T00:00:00Z")
    assert "2100-01-31" in commands.run("app-passwords", "list", person.user)
    commands.run("app-passwords", "revoke", person.user, str(made["id"]))
    assert "none" in commands.run("app-passwords", "list", person.user)


@reaches(
    *("get_vacation", "put_vacation", "delete_vacation"),
    *("list_sieve_scripts", "get_sieve_script", "put_sieve_script", "delete_sieve_script"),
)
def test_what_answers_and_files(commands: Commands, person: Person, tmp_path: Path) -> None:
    days = ("--first-day", "2100-07-01", "--last-day", "2100-07-14", "--days", "3")
    made = commands.json("vacation", "set", person.user, "-", "--subject", "Away", *days, typed="Back in two weeks.\n")
    assert (made["text"], made["subject"], made["first_day"]) == ("Back in two weeks.\n", "Away", "2100-07-01")
    assert "Back in two weeks" in commands.run("vacation", "show", person.user)
    commands.run("vacation", "delete", person.user)
    assert "no such" in commands.run("vacation", "show", person.user, status=1).lower()
    script = tmp_path / "main.sieve"
    script.write_text("keep;\n")
    commands.run("sieve", "put", person.user, "main", str(script))
    assert commands.run("sieve", "show", person.user, "main") == "keep;\n"
    assert "main" in commands.run("sieve", "list", person.user)
    commands.run("sieve", "delete", person.user, "main")


@reaches("create_alias", "list_aliases", "get_alias", "update_alias", "delete_alias")
def test_aliases(commands: Commands) -> None:
    commands.run("domains", "create", "aliases.test")
    commands.run("aliases", "create", "all@aliases.test", "a@else.test", "--group", "--members-only")
    assert commands.json("aliases", "change", "all@aliases.test", "--anybody")["members_only"] is False
    assert commands.json("aliases", "show", "all@aliases.test")["kind"] == "group"
    commands.run("aliases", "create", "@aliases.test", "rest@else.test")
    assert "@aliases.test" in commands.run("aliases", "list", "--domain", "aliases.test")
    for address in ("@aliases.test", "all@aliases.test"):
        commands.run("aliases", "delete", address)
    commands.run("domains", "delete", "aliases.test", "--erase", "--yes")


@reaches("list_mailboxes", "create_mailbox", "update_mailbox", "delete_mailbox")
def test_mailboxes(commands: Commands, person: Person) -> None:
    commands.run("mailboxes", "create", person.user, "Lists")
    assert "is not subscribed" in commands.run("mailboxes", "subscribe", person.user, "Lists", "--off")
    commands.run("mailboxes", "rename", person.user, "Lists", "Old")
    assert "Old" in commands.run("mailboxes", "list", person.user)
    commands.run("mailboxes", "delete", person.user, "Old", typed="y\n")
    assert "no mailbox Old" in commands.run("mailboxes", "subscribe", person.user, "Old", status=1)


@reaches(
    *("list_messages", "get_message", "get_message_content", "upload_message", "act_on_messages"),
    *("list_deleted_messages", "restore_messages"),
    *("export_account", "export_mailbox", "import_mail"),
)
def test_messages(commands: Commands, person: Person, tmp_path: Path) -> None:
    message = tmp_path / "one.eml"
    message.write_bytes(b"Subject: one\r\nMessage-ID: <one@files.test>\r\n\r\nA line.\r\n")
    filed = commands.json(
        "messages", "upload", person.user, str(message), "--flag", "\\Seen", "--received", "2020-01-31T00:00:00Z"
    )
    uid = str(filed["uid"])
    shown = commands.json("messages", "show", person.user, uid)
    assert (shown["subject"], shown["flags"], shown["received_at"]) == ("one", ["\\Seen"], "2020-01-31T00:00:00Z")
    assert commands.run("messages", "content", person.user, uid).encode().replace(b"\n", b"\r\n") == message.read_bytes()
    commands.run("messages", "flag", person.user, uid, "--add", "\\Flagged")
    commands.run("messages", "delete", person.user, uid, typed="y\n")
    assert "one" in commands.run("messages", "deleted", person.user, "--since", "2020-01-31T00:00:00Z")
    assert "either" in commands.run("messages", "restore", person.user, status=1)
    assert "1 messages given back" in commands.run("messages", "restore", person.user, uid)
    assert "one" in commands.run("messages", "list", person.user)
    hostile = b"Subject: [/bold] \x1b]0;owned\x07 [SPAM]\r\n\r\nA line.\r\n"
    commands.run("messages", "upload", person.user, "-", "--flag", "\\Draft", typed=hostile.decode())
    assert "[/bold] \ufffd]0;owned\ufffd [SPAM]" in commands.run("messages", "list", person.user)
    commands.run("messages", "delete", person.user, "3", "--yes")
    archive, box = tmp_path / "all.tar", tmp_path / "inbox.mbox"
    commands.run("mail", "export", person.user, str(archive))
    commands.run("mail", "export", person.user, str(box), "--mailbox", "INBOX")
    assert "1 were there" in commands.run("mail", "import", person.user, str(archive))


@reaches(
    *("list_queue", "get_queue_message", "act_on_queue_message", "act_on_queue", "get_journey"),
    *("create_queue_pause", "list_queue_pauses", "end_queue_pause"),
    *("create_delivery_rule", "list_delivery_rules", "get_delivery_rule", "replace_delivery_rule", "delete_delivery_rule"),
    *("create_suppression", "list_suppressions", "delete_suppression"),
)
async def test_what_leaves(commands: Commands, stack: Stack, person: Person) -> None:
    pause = str(commands.json("queue", "pause", "--domain", "reached.test")["id"])
    assert "reached.test" in commands.run("queue", "pauses")
    commands.run("accounts", "change", person.user, "--forward", "bob@reached.test")
    await send(stack.ports.smtp, person.user, b"Subject: on\r\n\r\nA line.\r\n")
    (message,) = commands.json("queue", "list", "--recipient", "bob@reached.test")
    assert "bob@reached.test" in commands.run("queue", "show", message["id"])
    commands.run("queue", "hold", message["id"])
    assert "received" in commands.run("journey", message["trace_id"])
    assert "cancel: 1 recipients" in commands.run("queue", "cancel", "--domain", "reached.test", typed="y\n")
    commands.run("queue", "resume", pause)

    rule = commands.json("delivery-rules", "create", "reached.test", "--host", "relay.reached.test")
    password = ("--tls", "verified", "--username", "us", "--password-stdin")
    options = ("--host", "other.reached.test", *password, "--in-place-of", rule["id"])
    commands.run("delivery-rules", "create", "reached.test", *options, typed="pw\n")
    changed = commands.json("delivery-rules", "list")[0]
    assert (changed["id"], changed["host"], changed["username"]) == (rule["id"], "other.reached.test", "us")
    assert json.loads(commands.run("delivery-rules", "show", rule["id"])) == changed
    commands.run("delivery-rules", "delete", rule["id"])

    tenant = str(commands.json("tenants", "list")[0]["id"])
    commands.run("suppressions", "add", "gone@reached.test", "--tenant", tenant)
    assert "gone@reached.test" in commands.run("suppressions", "list")
    commands.run("suppressions", "remove", "gone@reached.test")


@reaches(
    *("create_webhook", "list_webhooks", "get_webhook", "update_webhook", "delete_webhook", "change_webhook_secret"),
    *("test_webhook", "list_webhook_deliveries", "get_webhook_delivery", "redeliver_webhook_event", "recover_webhook_events"),
    "list_events",
)
def test_webhooks(commands: Commands) -> None:
    hook = str(commands.json("webhooks", "create", "https://hooks.reached.test/", "--event", "message.bounced")["id"])
    options = ("--to", "https://hooks.reached.test/2", "--all-events", "--description", "of a test")
    changed = commands.json("webhooks", "change", hook, *options)
    assert (changed["url"], changed["event_types"]) == ("https://hooks.reached.test/2", [])
    assert commands.json("webhooks", "show", hook)["description"] == "of a test"
    event = commands.run("webhooks", "test", hook).strip()
    eventually_now(lambda: "webhook.test" in commands.run("webhooks", "deliveries", hook))
    assert commands.json("webhooks", "deliveries", hook, "--event", event)["event_id"] == event
    commands.run("webhooks", "redeliver", hook, event)
    assert "0 events" in commands.run("webhooks", "recover", hook, "--since", "2020-01-31")
    assert commands.run("webhooks", "secret", hook).startswith("whsec_")
    commands.run("webhooks", "disable", hook)
    assert hook in commands.run("webhooks", "list")
    commands.run("webhooks", "delete", hook)
    commands.run("events", "list", "--event", "message.bounced")


@reaches("create_api_key", "list_api_keys", "get_api_key", "delete_api_key", "list_audit_log")
def test_keys(commands: Commands) -> None:
    key = commands.json("keys", "create", "reads", "--scope", "accounts:read", "--expires", "2100-01-31T00:00:00Z")
    shown = commands.json("keys", "show", str(key["id"]))
    assert (shown["scopes"], shown["expires_at"]) == (["accounts:read"], "2100-01-31T00:00:00Z")
    assert "reads" in commands.run("keys", "list")
    commands.run("keys", "delete", str(key["id"]))
    assert f"/v1/api-keys/{key['id']}" in commands.run("audit", "--action", "delete_api_key")


@reaches("get_overview", "get_health", "get_version", "get_limits")
def test_the_server(commands: Commands) -> None:
    status = commands.json("status")
    assert (status["api"], status["status"], status["events"]) == ("v1", "ok", "ok")
    assert "version" in commands.run("status")
    assert commands.json("limits")["account_import_rows"] == 50_000
    assert "50 MiB" in commands.run("limits")
    assert len(commands.json("overview")["hours"]) == 24
    tenant = str(commands.json("tenants", "list")[0]["id"])
    assert "The queue" in commands.run("overview", "--tenant", tenant)
