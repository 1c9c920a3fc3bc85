"""The console as HTTP sees it: its files and their headers, and the cookie by which a browser stays signed in."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from typing import Any

import httpx
import pytest

from api.console.files import Asset, read_assets, version_of
from api.sign_in_cookie import HEADER
from unit.api.test_api_routes import ALICE, assert_problem, created

Client = httpx.AsyncClient
WHO = {"address": "alice@a.test", "password": "correct horse", "cookie": True}
OURS = {HEADER: "1"}


class Named(HTMLParser):
    """The files that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "style"
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs), "nothing inline: the policy forbids it"
        self.names += [value for name, value in attrs if name in ("src", "href") and value and value.startswith("/")]


async def test_every_path_is_the_page_and_its_files_are_kept_for_good(anonymous: Client) -> None:
    answer = await anonymous.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")
    page = await anonymous.get("/console/")
    assert (await anonymous.get("/console/accounts/1")).text == page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-cache"
    named = Named()
    named.feed(page.text)
    assert len(named.names) >= 3
    for name in named.names:
        file = await anonymous.get(name)
        assert file.status_code == 200, name
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.headers["content-security-policy"] == policy
        again = await anonymous.get(name, headers={"If-None-Match": file.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_a_file_of_another_release_is_answered_and_not_kept(anonymous: Client) -> None:
    other = await anonymous.get("/console/assets/0123456789abcdef/main.js")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-store")
    for missing in ("nothing.js", "index.html", "..%2ffiles.py", "pages%2f..%2f..%2ffiles.py"):
        assert_problem(await anonymous.get(f"/console/assets/x/{missing}"), 404)


async def test_files_are_packed_for_who_takes_that(anonymous: Client) -> None:
    plain = await anonymous.get("/console/assets/x/main.js", headers={"Accept-Encoding": "identity"})
    packed = await anonymous.get("/console/assets/x/main.js", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])


def scripts() -> Iterator[tuple[str, str]]:
    for name, asset in read_assets().items():
        if name.endswith(".js"):
            yield name, asset.octets.decode()


def test_no_script_parses_markup_or_names_another_host() -> None:
    found = dict(scripts())
    assert len(found) > 10
    for name, text in found.items():
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert sink not in text, (name, sink)
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), name
        assert "https://" not in text, name


def test_the_version_changes_with_any_file() -> None:
    assets = read_assets()
    version = version_of(assets)
    assert version_of(dict(reversed(assets.items()))) == version
    assert version_of(assets | {"main.js": Asset("text/javascript", b"")}) != version


@pytest.fixture
async def account(client: Client) -> dict[str, Any]:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    del client.headers["Authorization"]
    client.base_url = httpx.URL("https://api.test")
    return account


async def test_a_cookie_that_no_script_reads(anonymous: Client, account: dict[str, Any]) -> None:
    answer = await anonymous.post("/v1/sign-ins", json=WHO, headers=OURS)
    assert (answer.status_code, answer.json()["token"]) == (201, None)
    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-mailstead"
    assert {part.strip().lower() for part in attributes.split(";")[1:]} == {
        "httponly",
        "secure",
        "samesite=strict",
        "path=/",
        "max-age=43200",
    }
    path = f"/v1/accounts/{account['id']}"
    assert (await anonymous.get(path)).json() == account
    assert (await anonymous.get("/v1/sign-ins/current")).json()["account_id"] == account["id"]
    assert (await anonymous.delete("/v1/sign-ins/current", headers=OURS)).status_code == 204
    assert not anonymous.cookies
    assert_problem(await anonymous.get(path), 401)


async def test_changes_by_a_cookie_are_our_own_pages(anonymous: Client, account: dict[str, Any]) -> None:
    """What a page of another origin can have a browser send without being allowed to has no header of ours."""
    assert_problem(await anonymous.post("/v1/sign-ins", json=WHO), 403)
    await anonymous.post("/v1/sign-ins", json=WHO, headers=OURS)
    app_passwords = f"/v1/accounts/{account['id']}/app-passwords"
    assert_problem(await anonymous.post(app_passwords, json={"name": "phone"}), 403)
    assert_problem(await anonymous.delete("/v1/sign-ins/current"), 403)
    assert (await anonymous.post(app_passwords, json={"name": "phone"}, headers=OURS)).status_code == 201
    preflight = await anonymous.options(
        app_passwords, headers={"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
    )
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_key_goes_before_a_cookie(anonymous: Client, account: dict[str, Any]) -> None:
    await anonymous.post("/v1/sign-ins", json=WHO, headers=OURS)
    assert_problem(await anonymous.get(f"/v1/accounts/{account['id']}", headers={"Authorization": "Bearer ms_wrong"}), 401)


def test_what_scripts_import_is_there_and_used() -> None:
    """What a linter would say of them, as far as it matters."""
    found = dict(scripts())
    for name, text in found.items():
        for statement, names, path in re.findall(r'(import \{([^}]*)\} from "([^"]+)";)', text):
            target = found[normpath(join(dirname(name), path))]
            rest = text.replace(statement, "")
            for part in filter(None, map(str.strip, names.split(","))):
                exported, _, here = part.partition(" as ")
                assert re.search(rf"export (?:async )?(?:function|const|class) {exported}\b", target), (name, part)
                assert re.search(rf"\b{here or exported}\b", rest), f"{name} does not use {part}"
