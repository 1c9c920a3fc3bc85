"""The cookie by which a browser stays signed in: the token of a sign-in, where no script can read it.

Another site cannot use it: it is SameSite=Strict, and whatever changes something needs a header besides, which a page of another
origin could send only after a preflight that is never answered.
"""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request, Response

from api.auditing import READS
from mailstead.model.failure import Failure, Refused

HEADER = "X-Mailstead-Console"


@dataclass(frozen=True, slots=True)
class SignInCookie:
    """`secure`: only over HTTPS, which browsers take localhost for."""

    secure: bool

    @property
    def name(self) -> str:
        """With the prefix, no other host of the same domain can have set it (RFC 6265bis §4.1.3.2)."""
        return "__Host-mailstead" if self.secure else "mailstead"

    def give(self, response: Response, token: str, life: timedelta) -> None:
        response.set_cookie(
            self.name, token, int(life.total_seconds()), path="/", secure=self.secure, httponly=True, samesite="strict"
        )

    def take_back(self, response: Response) -> None:
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="strict")

    def token(self, request: Request) -> str:
        """Empty where there is none. Raises Refused(NOT_PERMITTED) for a change that our own page cannot have asked for."""
        token = request.cookies.get(self.name, "")
        if token and request.method not in READS:
            require_our_page(request)
        return token


def require_our_page(request: Request) -> None:
    """Raises Refused(NOT_PERMITTED) for what a page of another origin may have sent."""
    if HEADER not in request.headers:
        raise Refused(Failure.NOT_PERMITTED, f"a cookie, and no {HEADER}")
