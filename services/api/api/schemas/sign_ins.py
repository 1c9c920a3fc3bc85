"""Signing in, roles and one-time passwords, as JSON."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.common import MAX_PASSWORD, Input, Password

Role = Literal["owner", "tenant_admin", "operator"]
Code = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(description="Six digits of the program", examples=["123456"])
]
GivenPassword = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_PASSWORD), Field(json_schema_extra={"writeOnly": True})
]


class SignInIn(Input):
    """Who it is."""

    address: Annotated[str, StringConstraints(min_length=3, max_length=320)]
    password: GivenPassword
    code: Code | None = Field(default=None, description="Wanted where the account has one-time passwords")
    recovery_code: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="One of the recovery codes instead of `code`; it is good once"
    )
    cookie: bool = Field(default=False, description="Of a browser: the token is set as a cookie that no script can read")


class SignedInOut(BaseModel):
    """Who is signed in."""

    account_id: int
    tenant_id: int
    address: str
    role: Role
    expires_at: datetime


class SignInOut(SignedInOut):
    """A sign-in that succeeded."""

    token: str | None = Field(description="Give it as an API key is given; null where it was set as a cookie")


class RoleIn(Input):
    """What who signs in for the account may do."""

    role: Role


class RoleOut(BaseModel):
    """`owner`: their own account; `tenant_admin`: all of the tenant; `operator`: everything."""

    role: Role


class PasswordIn(Input):
    """A new password, by who knows the present one."""

    current_password: GivenPassword
    password: Password


class TotpOut(BaseModel):
    """Whether one-time passwords are asked for when somebody signs in."""

    enabled: bool
    recovery_codes_left: int = Field(description="How many of them were not used yet")


class RecoveryCodesOut(BaseModel):
    """Codes for who has no program at hand. Shown now and never again."""

    codes: list[str] = Field(description="Each is good once; spaces, hyphens and case do not matter")


class TotpSecretOut(BaseModel):
    """What a program takes. Shown now and never again."""

    secret: str = Field(description="In base32")
    uri: str = Field(description="The same as otpauth://, for a picture")


class CodeIn(Input):
    """What the program shows now."""

    code: Code
