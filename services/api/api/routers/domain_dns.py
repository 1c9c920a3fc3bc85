"""`/v1/domains/{domain}/dns`: the records to publish, each looked for now."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import Backend, UseBackend, requires
from api.dns_records import MX_PREFERENCE, Wanted, compare, policy, wanted_records
from api.openapi import problems
from api.routers.domains import Name
from api.routes import Route
from api.schemas.dns import DnsRecordOut, DomainDnsOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.dns import Answer, Kind, Question
from mailstead.model.failure import Failure

router = APIRouter(route_class=Route, prefix="/v1/domains/{domain}/dns", tags=["domains"])

Check = Annotated[bool, Query(description="Whether to ask DNS for each now")]


@router.get(
    "",
    dependencies=[requires(Scope.DOMAINS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_DOMAIN, with_input=True),
)
async def get_domain_dns(domain: Name, backend: UseBackend, check: Check = True) -> DomainDnsOut:
    """The exact records for this host: MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, and those by which clients find it."""
    await backend.provisioning.domain(domain)
    wanted = wanted_records(domain, backend.hosts, await backend.signing_keys.list(domain))
    answers = await asyncio.gather(*(_answer(backend, record) for record in wanted)) if check else [None] * len(wanted)
    return DomainDnsOut(
        records=[_shown(record, answer) for record, answer in zip(wanted, answers, strict=True)],
        mta_sts_policy=policy(backend.hosts),
    )


async def _answer(backend: Backend, wanted: Wanted) -> Answer:
    return await backend.resolver.ask(Question(wanted.name, wanted.kind))


def _shown(wanted: Wanted, answer: Answer | None) -> DnsRecordOut:
    state, found = ("unknown", ()) if answer is None else compare(wanted, answer)
    return DnsRecordOut.model_validate(
        {
            "purpose": wanted.purpose,
            "type": wanted.kind.value,
            "name": wanted.name,
            "value": _zone_file(wanted),
            "required": wanted.required,
            "state": state,
            "found": found,
        }
    )


def _zone_file(wanted: Wanted) -> str:
    match wanted.kind:
        case Kind.MX:
            return f"{MX_PREFERENCE} {wanted.value}."
        case Kind.CNAME:
            return f"{wanted.value}."
        case _:
            return wanted.value
