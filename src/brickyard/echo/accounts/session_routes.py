"""`/api/v1/session`: signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.access.sessions import Opened
from brickyard.access.sign_in import LinkUse
from brickyard.echo.accounts.schemas import LinkBody, ProviderView, SessionView, SignInBody
from brickyard.echo.accounts.service import Accounts
from brickyard.echo.identity import COOKIE, Guard, address_of, needs, open_to_all, session_cookie
from brickyard.kit.errors import Forbidden, Unauthenticated

OWN_SITE = frozenset({"same-origin", "none"})
ENDED = f"{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"


def from_own_site(request: Request) -> None:
    """Another site must not sign people in to an account of its choice. Browsers say from where a request comes.

    Raises Forbidden.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in OWN_SITE:
        raise Forbidden("This was sent by a page of another site. Sign in on the platform's own page.")


def router(accounts: Accounts) -> APIRouter:
    api = APIRouter(prefix="/session", tags=["session"])
    public = [open_to_all()]
    for_browsers = [open_to_all(), Depends(from_own_site)]

    @api.get("", dependencies=public)
    async def session(request: Request, response: Response) -> SessionView:
        """Who is signed in, and through what one could."""
        guard: Guard = request.app.state.guard
        try:
            actor = await guard.someone(request)
        except Unauthenticated:
            actor = None
            response.headers.append("set-cookie", ENDED)
        return await run_in_threadpool(_view, accounts, guard, actor)

    @api.post("", dependencies=for_browsers)
    def sign_in(body: SignInBody, request: Request, response: Response) -> SessionView:
        """With a name and a password. Where the account has a second factor and `code` is missing, the error is
        `second_factor_needed`: send all three."""
        opened = accounts.sign_in.with_password(
            body.name, body.password, body.code, address_of(request), agent_of(request)
        )
        begin(accounts, request, response, opened)
        return _view(accounts, request.app.state.guard, _actor(accounts, opened))

    @api.post("/link", dependencies=for_browsers)
    def use_link(body: LinkBody, request: Request, response: Response) -> SessionView:
        """With a one-time link: makes the first administrator, sets a new password, or just signs in."""
        use = LinkUse(body.token, body.name, body.display_name, body.password, body.code)
        opened = accounts.sign_in.with_link(use, address_of(request), agent_of(request))
        begin(accounts, request, response, opened)
        return _view(accounts, request.app.state.guard, _actor(accounts, opened))

    @api.delete("", status_code=204)
    def sign_out(actor: Annotated[Actor, needs(Action.SELF)], response: Response) -> None:
        accounts.sign_in.sign_out(actor)
        response.headers.append("set-cookie", ENDED)

    return api


def begin(accounts: Accounts, request: Request, response: Response, opened: Opened) -> None:
    """From now on this browser has the new session; the one that it had before ends."""
    before = request.cookies.get(COOKIE)
    if before:
        accounts.sessions.end(before, "signed in anew")
    response.headers.append("set-cookie", session_cookie(opened.token, is_secure=is_secure(accounts, request)))


def is_secure(accounts: Accounts, request: Request) -> bool:
    """Whether browsers reach the platform by TLS, be it that something before it does that."""
    return request.url.scheme == "https" or accounts.address.startswith("https://")


def agent_of(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _actor(accounts: Accounts, opened: Opened) -> Actor:
    user = accounts.people.user(opened.user_id)
    return Actor(
        id=user.id,
        name=user.name,
        display_name=user.display_name,
        roles=user.roles,
        via="session",
        credential=str(opened.session),
        session=opened.session,
    )


def _view(accounts: Accounts, guard: Guard, actor: Actor | None) -> SessionView:
    view = SessionView(
        signed_in=actor is not None,
        providers=_providers(accounts),
        first_administrator_wanted=accounts.sign_in.links.first_administrator_is_wanted(),
    )
    if actor is None:
        return view
    csrf = guard.csrf_of(actor.session) if actor.via == "session" and actor.session else None
    own = {"id": actor.id, "name": actor.name, "display_name": actor.display_name, "roles": sorted(actor.roles)}
    return view.model_copy(update={"csrf": csrf, **own})


def _providers(accounts: Accounts) -> list[ProviderView]:
    by_page = [
        ProviderView(name=one.name, label=one.label, kind="oidc", url=f"/api/v1/session/oidc/{one.name}")
        for one in accounts.oidc
    ]
    return by_page + [ProviderView(name=name, label=label, kind="ldap") for name, label in accounts.directories.items()]
