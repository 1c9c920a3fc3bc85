"""What the environment tells the canary."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("host:port is wanted")
    return value


Place = Annotated[str, AfterValidator(_host_and_port)]


class CanarySettings(BaseSettings):
    """`MAILSTEAD_CANARY_SMTP` and so on."""

    model_config = SettingsConfigDict(env_prefix="MAILSTEAD_", frozen=True, extra="ignore")

    canary_smtp: Place = Field(description="Where submission with TLS from the start is, as host:port")
    canary_imap: Place = Field(description="Where IMAP with TLS from the start is")
    canary_pop3: Place | None = Field(default=None, description="Where POP3 with TLS from the start is; without it, not tried")
    canary_api_url: str | None = Field(default=None, description="Where the REST API is, as http://host:port")
    canary_api_key_file: Path | None = Field(default=None, description="File with an API key that may report, or make accounts")
    canary_user: str | None = Field(
        default=None, description="The account that mails itself; without it one is made for this run, and deleted after it"
    )
    canary_password_file: Path | None = Field(default=None, description="File with its password")
    canary_remote: str | None = Field(
        default=None, description="An address at another mail host that sends back what it gets; without it only our own is tried"
    )
    canary_tls_name: str = Field(description="Name that the certificate must be for")
    canary_tls_verify: bool = Field(default=True, description="Whether the certificate must be one that the system trusts")
    canary_tls_authority: Path | None = Field(default=None, description="PEM file of the authority that signed it, if another")
    canary_seconds: float = Field(default=60, gt=0, le=3600, description="How long a message may take to be there")
    canary_remote_seconds: float = Field(default=600, gt=0, le=3600, description="How long another host may take to send it back")

    @model_validator(mode="after")
    def _an_account_or_the_means_to_make_one(self) -> Self:
        if self.canary_user is not None and self.canary_password_file is None:
            raise ValueError("MAILSTEAD_CANARY_USER wants MAILSTEAD_CANARY_PASSWORD_FILE")
        if (self.canary_api_url is None) != (self.canary_api_key_file is None):
            raise ValueError("MAILSTEAD_CANARY_API_URL and MAILSTEAD_CANARY_API_KEY_FILE are given together or not at all")
        if self.canary_user is None and self.canary_api_url is None:
            raise ValueError("give MAILSTEAD_CANARY_USER, or MAILSTEAD_CANARY_API_URL to make an account with")
        return self
