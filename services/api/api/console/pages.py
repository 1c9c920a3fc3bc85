"""`/console/…`: one page for every path, and the files that it is made of, under a name that changes with any of them."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.console.files import Asset, read_assets, version_of

PAGE = "index.html"
FOR_GOOD = "public, max-age=31536000, immutable"
NOT_AT_ALL = "no-store"

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_ASSETS = read_assets()
_VERSION = version_of(_ASSETS)
_PAGE = _ASSETS.pop(PAGE).naming(f"/console/assets/{_VERSION}", _ASSETS)

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/console")
async def go_to_console() -> Response:
    return RedirectResponse("/console/")


@router.get("/console/assets/{version}/{name:path}")
async def get_asset(version: str, name: str, request: Request) -> Response:
    """While releases change, a page of the other one may ask: it gets what there is, not to be kept."""
    if name not in _ASSETS:
        raise HTTPException(404)
    return _answer(_ASSETS[name], request, FOR_GOOD if version == _VERSION else NOT_AT_ALL)


@router.get("/console/{path:path}")
async def get_page(path: str, request: Request) -> Response:
    """Whatever the path: the page itself says what it shows there."""
    return _answer(_PAGE, request, "no-cache")


def _answer(asset: Asset, request: Request, cache: str) -> Response:
    headers = {**HEADERS, "Cache-Control": cache, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.octets, headers=headers, media_type=asset.media_type)
