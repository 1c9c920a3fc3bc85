"""What the environment may say, and what is said about an environment that is wrong."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from mailstead.ops.settings import ServiceSettings, explain

NEEDED = {
    "MAILSTEAD_DATABASE_URL": "postgresql://mailstead_imap:hunter2@db/mailstead",
    "MAILSTEAD_HOSTNAME": "mail.example.org",
    "MAILSTEAD_OBSERVE_PORT": "9103",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def read() -> ServiceSettings:
    return ServiceSettings.model_validate({})


def fault() -> str:
    with pytest.raises(ValidationError) as caught:
        read()
    return explain(caught.value)


def test_the_least_that_is_needed(environment: pytest.MonkeyPatch) -> None:
    settings = read()
    assert settings.database_url.get_secret_value() == NEEDED["MAILSTEAD_DATABASE_URL"]
    assert settings.listen_host == "127.0.0.1"
    assert settings.plaintext_auth_networks == ()
    assert not settings.allows_plaintext_auth("127.0.0.1")


def test_networks_are_listed_with_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MAILSTEAD_PLAINTEXT_AUTH_NETWORKS", "127.0.0.0/8, ::1,10.1.2.3")
    settings = read()
    assert settings.plaintext_auth_networks == (ip_network("127.0.0.0/8"), ip_network("::1"), ip_network("10.1.2.3"))
    assert settings.allows_plaintext_auth("127.9.9.9")
    assert settings.allows_plaintext_auth("::1")
    assert not settings.allows_plaintext_auth("10.1.2.4")


@pytest.mark.parametrize("networks", ["loopback", "10.0.0.0/33", "10.0.0.1/8"])
def test_a_network_that_is_none(environment: pytest.MonkeyPatch, networks: str) -> None:
    environment.setenv("MAILSTEAD_PLAINTEXT_AUTH_NETWORKS", networks)
    assert fault().startswith("MAILSTEAD_PLAINTEXT_AUTH_NETWORKS: ")


def test_all_faults_are_told_in_one_line(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("MAILSTEAD_HOSTNAME")
    environment.setenv("MAILSTEAD_OBSERVE_PORT", "many")
    told = fault()
    assert "MAILSTEAD_HOSTNAME: is not set" in told
    assert "MAILSTEAD_OBSERVE_PORT: " in told
    assert "\n" not in told


def test_a_host_to_listen_on_is_an_address(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MAILSTEAD_LISTEN_HOST", "localhost")
    assert "MAILSTEAD_LISTEN_HOST" in fault()


def test_a_certificate_without_its_key(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("MAILSTEAD_TLS_CERTIFICATE", str(tmp_path / "server.pem"))
    assert fault() == "MAILSTEAD_TLS_CERTIFICATE and MAILSTEAD_TLS_KEY are given together or not at all"


def test_secrets_are_not_shown(environment: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in repr(read())
    environment.delenv("MAILSTEAD_HOSTNAME")
    assert "hunter2" not in fault()


def test_every_field_is_described() -> None:
    assert [name for name, field in ServiceSettings.model_fields.items() if not field.description] == []
