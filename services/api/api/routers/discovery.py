"""What strangers ask a domain's hosts for: how clients are set up, and the MTA-STS policy. Outside of `/v1`; needs no key.

Which domain is meant the name of the host says, as `autoconfig.example.com`; a domain that is not ours is not there.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from api.client_settings import apple, outlook, thunderbird
from api.deps import Backend, UseBackend, requires
from api.dns_records import policy
from api.openapi import problems
from api.routers.accounts import AccountId
from api.routes import Route
from api.scopes import Scope
from mailstead.model.failure import Failure, Refused

MAX_REQUEST = 16 * 1024  # octets of Outlook's request
PROFILE = "application/x-apple-aspen-config"

router = APIRouter(include_in_schema=False)
profiles = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}/mobileconfig", tags=["accounts"])

_Address = Annotated[str, Query(alias="emailaddress", max_length=320)]
_ASKED = re.compile(rb"<EMailAddress>\s*([^<>&\s]{3,320})\s*</EMailAddress>")


@router.get("/.well-known/mta-sts.txt")
async def get_mta_sts_policy(request: Request, backend: UseBackend) -> Response:
    """RFC 8461 §3.2, at https://mta-sts.DOMAIN/."""
    await _domain(backend, _host(request).removeprefix("mta-sts."))
    return Response(policy(backend.hosts), media_type="text/plain")


@router.get("/mail/config-v1.1.xml")
@router.get("/.well-known/autoconfig/mail/config-v1.1.xml")
async def get_autoconfig(request: Request, backend: UseBackend, address: _Address = "") -> Response:
    """Thunderbird, KMail, Evolution; at https://autoconfig.DOMAIN/ or the domain's own host."""
    domain = await _domain(backend, address.rpartition("@")[2] or _host(request).removeprefix("autoconfig."))
    return Response(thunderbird(domain, backend.hosts.mail), media_type="text/xml")


@router.post("/autodiscover/autodiscover.xml")
@router.post("/Autodiscover/Autodiscover.xml")
async def post_autodiscover(request: Request, backend: UseBackend) -> Response:
    """Outlook; at https://autodiscover.DOMAIN/."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_REQUEST:
            raise Refused(Failure.TOO_LARGE, "an Autodiscover request")
    found = _ASKED.search(body)
    if found is None:
        raise HTTPException(400, "EMailAddress is wanted.")
    address = found[1].decode("utf-8", "replace")
    await _domain(backend, address.rpartition("@")[2])
    return Response(outlook(address, backend.hosts.mail), media_type="text/xml")


@profiles.get(
    "",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True)],
    response_class=Response,
    responses={**problems(Failure.NO_SUCH_ACCOUNT, with_input=True), 200: {"content": {PROFILE: {}}}},
)
async def get_mobileconfig(account_id: AccountId, backend: UseBackend) -> Response:
    """A profile for devices of Apple, without a password: give it an app password when it asks."""
    row = await backend.provisioning.account(account_id)
    return Response(apple(row.address, backend.hosts.mail), media_type=PROFILE)


def _host(request: Request) -> str:
    return request.headers.get("host", "").partition(":")[0].lower()


async def _domain(backend: Backend, name: str) -> str:
    """Raises Refused(NO_SUCH_DOMAIN), also for one that is suspended."""
    row = await backend.provisioning.domain(name)
    if not row.active or row.held:
        raise Refused(Failure.NO_SUCH_DOMAIN, f"domain {name} is suspended")
    return row.name
