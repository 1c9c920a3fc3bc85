"""`/v1/domains/{domain}/dns`: the records to publish, each looked for now."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import Backend, UseBackend, requires
from api.dns_records import MX_PREFERENCE, Wanted, compare, ownership, policy, wanted_records
from api.errors import RefusedFor
from api.openapi import problems
from api.routers.domains import Name, shown
from api.routes import Route
from api.schemas.dns import DnsRecordOut, DomainDnsOut
from api.schemas.domains import DomainOut
from api.schemas.problem import FieldFault
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.dns import Answer, Kind, Question
from mailstead.model.failure import Failure, Refused
from mailstead.store.directory_rows import DomainRow

router = APIRouter(route_class=Route, prefix="/v1/domains/{domain}/dns", tags=["domains"])

Check = Annotated[bool, Query(description="Whether to ask DNS for each now")]


@router.get(
    "",
    dependencies=[requires(Scope.DOMAINS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_DOMAIN, with_input=True),
)
async def get_domain_dns(domain: Name, backend: UseBackend, check: Check = True) -> DomainDnsOut:
    """The exact records for this host: MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, DANE, and those by which clients find it."""
    row = await backend.provisioning.domain(domain)
    key_digest = backend.tls.context.key_digest if backend.tls else None
    wanted = wanted_records(domain, backend.hosts, await backend.signing_keys.list(domain), key_digest)
    if row.verified_at is None:
        wanted.append(await _ownership(backend, row))
    answers = await asyncio.gather(*(_answer(backend, record) for record in wanted)) if check else [None] * len(wanted)
    return DomainDnsOut(
        records=[_shown(record, answer) for record, answer in zip(wanted, answers, strict=True)],
        mta_sts_policy=policy(backend.hosts),
    )


@router.put(
    "/verification",
    dependencies=[requires(Scope.DOMAINS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, with_input=True),
)
async def verify_domain(domain: Name, backend: UseBackend, response: Response) -> DomainOut:
    """Look for the record of `ownership`: with it the domain is verified and works; without it, 409 says what to publish.

    DNS remembers for a while that a record was not there.
    """
    row = await backend.provisioning.domain(domain)
    wanted = await _ownership(backend, row)
    state, _ = compare(wanted, await _answer(backend, wanted))
    if state != "ok":
        fault = FieldFault(where="path", field="domain", detail=f'Publish: {wanted.name}. TXT "{wanted.value}"')
        raise RefusedFor(Refused(Failure.CONFLICT, f"ownership of {domain} is {state}"), fault)
    return shown(await backend.provisioning.verify_domain(domain), response)


async def _ownership(backend: Backend, row: DomainRow) -> Wanted:
    return ownership(row.name, row.tenant_id, await backend.app_passwords.key())


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
