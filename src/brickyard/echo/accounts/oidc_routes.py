"""`/api/v1/session/oidc/{provider}`: to an OpenID Connect provider and back. What is to be remembered meanwhile travels
in a sealed cookie: nobody who has not begun here can end here."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from brickyard.access.audit import Entry
from brickyard.access.oidc import Begun
from brickyard.access.sign_in import OPENED
from brickyard.echo.accounts.service import Accounts, OpenIdProvider
from brickyard.echo.accounts.session_routes import agent_of, begin, is_secure
from brickyard.echo.identity import address_of, open_to_all
from brickyard.kit.errors import BadInput, BrickyardError, NotFound, Unauthenticated, Unavailable

COOKIE = "brickyard_sign_in"
PATH = "/api/v1/session/oidc"
ABOUT = "sign-in at a provider"
VALID_S = 600
SIGN_IN_PAGE = "/signin"


@dataclass(frozen=True, slots=True)
class Underway:
    """A sign-in that has begun. `next`: where to go in the end; `until`: seconds since 1970."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    until: float


def local_path(text: str) -> str:
    """A place on this platform. Raises BadInput for every way to name another one. Pure."""
    refused = BadInput("next: a path on this platform is allowed, such as /recordings; nothing else.")
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        raise refused
    try:
        parts = urlsplit(text)
    except ValueError:
        raise refused from None
    if parts.scheme or parts.netloc:
        raise refused
    return text


def router(accounts: Accounts) -> APIRouter:
    api = APIRouter(prefix="/session/oidc", tags=["session"], dependencies=[open_to_all()])
    providers = {one.name: one for one in accounts.oidc}

    def provider_of(name: str) -> OpenIdProvider:
        if name not in providers:
            raise NotFound(f"There is no provider {name[:40]!r} to sign in with.")
        return providers[name]

    @api.get("/{provider}", status_code=303, response_class=RedirectResponse)
    async def to_provider(
        provider: str, request: Request, next: Annotated[str, Query(max_length=2000)] = "/"
    ) -> Response:
        """Goes to the provider's sign-in page. `next`: the path to come back to."""
        chosen, wanted = provider_of(provider), local_path(next)
        begun = await chosen.begin(_redirect_uri(accounts, chosen))
        until = accounts.clock().timestamp() + VALID_S
        underway = Underway(chosen.name, begun.state, begun.nonce, begun.verifier, wanted, until)
        answer = RedirectResponse(begun.url, status_code=303)
        _keep(answer, _sealed(accounts, underway), VALID_S, is_secure=is_secure(accounts, request))
        return answer

    @api.get("/{provider}/callback", status_code=303, response_class=RedirectResponse)
    async def back(
        provider: str,
        request: Request,
        state: Annotated[str | None, Query(max_length=500)] = None,
        code: Annotated[str | None, Query(max_length=4000)] = None,
        iss: Annotated[str | None, Query(max_length=500)] = None,
    ) -> Response:
        """Where the provider sends people back to. Goes on to `next`, or to the sign-in page with the error's code."""
        chosen = provider_of(provider)
        try:
            underway = _opened(accounts, request.cookies.get(COOKIE), chosen.name)
            begun = Begun("", underway.state, underway.nonce, underway.verifier)
            begun.expect(state)
            if not code:
                raise Unauthenticated(f"{chosen.label} did not confirm who you are. Begin again.")
            person = await chosen.finish(code, begun, _redirect_uri(accounts, chosen), iss)
            opened = await run_in_threadpool(
                accounts.sign_in.with_person, person, address_of(request), agent_of(request)
            )
        except BrickyardError as error:
            await run_in_threadpool(_record_failure, accounts, chosen.name, request, error)
            answer = RedirectResponse(f"{SIGN_IN_PAGE}?error={error.code}", status_code=303)
        else:
            answer = RedirectResponse(underway.next, status_code=303)
            await run_in_threadpool(begin, accounts, request, answer, opened)
        _keep(answer, "", 0, is_secure=is_secure(accounts, request))
        return answer

    return api


def _redirect_uri(accounts: Accounts, provider: OpenIdProvider) -> str:
    return f"{accounts.address}{PATH}/{provider.name}/callback"


def _keep(answer: Response, value: str, max_age_s: int, *, is_secure: bool) -> None:
    answer.set_cookie(COOKIE, value, max_age_s, path=PATH, secure=is_secure, httponly=True, samesite="lax")


def _sealed(accounts: Accounts, underway: Underway) -> str:
    wrapped = accounts.master.wrap(json.dumps(asdict(underway)).encode(), ABOUT)
    return base64.urlsafe_b64encode(wrapped).decode()


def _opened(accounts: Accounts, cookie: str | None, provider: str) -> Underway:
    """Raises Unauthenticated where nothing was begun in this browser, or with another provider, or too long ago."""
    lost = Unauthenticated("No sign-in was begun in this browser, or it took longer than ten minutes. Begin again.")
    if not cookie:
        raise lost
    try:
        wrapped = base64.urlsafe_b64decode(cookie.encode("ascii"))
        underway = Underway(**json.loads(accounts.master.unwrap(wrapped, ABOUT)))
    except (binascii.Error, UnicodeEncodeError, BadInput, Unavailable):
        raise lost from None
    if underway.provider != provider or underway.until < accounts.clock().timestamp():
        raise lost
    return underway


def _record_failure(accounts: Accounts, provider: str, request: Request, error: BrickyardError) -> None:
    details = {"reason": error.code}
    accounts.audit.append(
        Entry("", "(unknown)", provider, address_of(request), OPENED, outcome="failed", details=details)
    )
