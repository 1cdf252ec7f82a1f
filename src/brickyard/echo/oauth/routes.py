"""`/.well-known/…` and `/oauth/…` of the OpenID Connect provider, and `/clients` to administer its clients."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from brickyard.access.actor import Actor
from brickyard.access.oauth import clients, metadata
from brickyard.access.oauth.logout import Farewell
from brickyard.access.oauth.provider import Provider
from brickyard.access.oauth.wire import Asked, Pairs, Reply, refusal
from brickyard.access.policy import Action
from brickyard.echo.identity import COOKIE, address_of, needs, open_to_all
from brickyard.echo.oauth import pages
from brickyard.echo.oauth.schemas import ClientAsked, ClientView, NewClientView, new_view, view
from brickyard.kit.errors import BadInput, TooLarge, Unauthenticated

SignedIn = Callable[[Request], Awaitable[Actor | None]]
CsrfOf = Callable[[UUID], str]

FORM = "application/x-www-form-urlencoded"
FORM_BYTES_AT_MOST = 64 * 1024
FIELDS_AT_MOST = 50
KEYS_KNOWN_FOR_S = 300


def router(provider: Provider, signed_in: SignedIn, csrf_of: CsrfOf) -> APIRouter:
    """At the root. `signed_in`: who asks, None where nobody is signed in; `csrf_of`: what only our pages know."""
    api = APIRouter(include_in_schema=False, dependencies=[open_to_all(), Depends(provider.check_address)])
    _reading(api, provider)
    _browsers(api, provider, signed_in, csrf_of)
    _programs(api, provider)
    return api


def _reading(api: APIRouter, provider: Provider) -> None:
    known = {"Cache-Control": f"public, max-age={KEYS_KNOWN_FOR_S}", "Access-Control-Allow-Origin": "*"}

    @api.get("/.well-known/openid-configuration")
    @api.get("/.well-known/oauth-authorization-server")
    def discovery() -> JSONResponse:
        return JSONResponse(provider.metadata(), headers=known)

    @api.get(metadata.JWKS)
    def jwks() -> JSONResponse:
        return JSONResponse(provider.jwks(), headers=known)


def _browsers(api: APIRouter, provider: Provider, signed_in: SignedIn, csrf_of: CsrfOf) -> None:
    async def someone(request: Request) -> Actor | None:
        """A cookie that is void is as good as none."""
        try:
            return await signed_in(request)
        except Unauthenticated:
            return None

    @api.get(metadata.AUTHORIZE)
    async def authorize(request: Request) -> Response:
        """Back to the app, to sign in, or a page that says why not."""
        actor = await someone(request)
        try:
            reply = await run_in_threadpool(provider.authorize, await _asked(request), actor)
        except BadInput as error:
            return pages.said("This app cannot sign you in", error.message, error.status)
        return _response(reply)

    @api.post(metadata.AUTHORIZE)
    async def authorize_form(request: Request) -> Response:
        """As a form, the cookie does not come along from another site; as an address it does."""
        try:
            form = await _form(request)
        except (BadInput, TooLarge) as error:
            return pages.said("This app cannot sign you in", error.message, error.status)
        return RedirectResponse(f"{metadata.AUTHORIZE}?{urlencode(form)}", 303)

    @api.api_route(metadata.LOGOUT, methods=["GET", "POST"])
    async def logout(request: Request) -> Response:
        """Signs out of Brickyard, and so of all apps that ask it."""
        actor = await someone(request)
        try:
            asked = await _asked(request)
            confirmed = _is_confirmed(asked, actor, csrf_of)
            farewell = await run_in_threadpool(provider.logout, asked, actor, is_confirmed=confirmed)
        except (BadInput, TooLarge) as error:
            return pages.said("You are not signed out", error.message, error.status)
        return _gone(farewell, actor, csrf_of)


def _programs(api: APIRouter, provider: Provider) -> None:
    answers: dict[str, Callable[[Asked], Reply]] = {
        metadata.TOKEN: provider.token,
        metadata.REVOKE: provider.revoke,
        metadata.INTROSPECT: provider.introspect,
        metadata.USERINFO: provider.userinfo,
    }

    for path, answer in answers.items():
        methods = ["GET", "POST"] if path == metadata.USERINFO else ["POST"]
        api.add_api_route(path, _answering(answer), methods=methods, name=path)


def _answering(answer: Callable[[Asked], Reply]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            asked = await _asked(request)
        except (BadInput, TooLarge) as error:
            return _response(refusal("invalid_request", error.message, error.status))
        return _response(await run_in_threadpool(answer, asked))

    return answered


def admin_router(engine: sa.Engine) -> APIRouter:
    """Below `/api/v1`."""
    api = APIRouter(tags=["clients"])

    @api.get("/clients", dependencies=[needs(Action.CLIENT_SEE)])
    def every() -> list[ClientView]:
        """The apps that people sign in to with Brickyard."""
        return [view(client) for client in clients.every(engine)]

    @api.post("/clients", status_code=201, dependencies=[needs(Action.CLIENT_CHANGE)])
    def add(asked: ClientAsked) -> NewClientView:
        """Registers an app. Its secret is in the answer, and shown nowhere else."""
        secret, client = clients.add(engine, asked.as_new())
        return new_view(client, secret)

    @api.delete("/clients/{client_id}", status_code=204, dependencies=[needs(Action.CLIENT_CHANGE)])
    def remove(client_id: str) -> None:
        """Its tokens are void at once."""
        clients.remove(engine, client_id)

    return api


async def _asked(request: Request) -> Asked:
    """Raises BadInput, TooLarge."""
    return Asked(
        method=request.method,
        path=request.url.path,
        query=_pairs(request.url.query),
        form=await _form(request) if request.method == "POST" else (),
        headers=request.headers,
        address=address_of(request),
    )


async def _form(request: Request) -> Pairs:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES_AT_MOST:
            raise TooLarge(f"A form may have {FORM_BYTES_AT_MOST:,} bytes; this one has more.")
    if body and kind != FORM:
        raise BadInput(f"The request has to be sent as {FORM}.")
    return _pairs(body.decode(errors="replace"))


def _pairs(text: str) -> Pairs:
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_AT_MOST))
    except ValueError:
        raise BadInput(f"A request may have {FIELDS_AT_MOST} parameters; this one has more.") from None


def _response(reply: Reply) -> Response:
    headers = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", **reply.headers}
    if isinstance(reply.body, dict):
        return JSONResponse(reply.body, reply.status, headers)
    return Response(reply.body, reply.status, headers)


def _is_confirmed(asked: Asked, actor: Actor | None, csrf_of: CsrfOf) -> bool:
    if actor is None or actor.session is None:
        return False
    given = dict(asked.form).get("confirm", "")
    return hmac.compare_digest(given.encode(), csrf_of(actor.session).encode())


def _gone(farewell: Farewell, actor: Actor | None, csrf_of: CsrfOf) -> Response:
    if farewell.needs_confirmation and farewell.session is not None:
        return pages.confirm_logout(metadata.LOGOUT, csrf_of(farewell.session))
    response: Response = pages.said("You are signed out", "You can close this page.")
    if farewell.location is not None:
        response = RedirectResponse(farewell.location, 303, {"Referrer-Policy": "no-referrer"})
    if actor is not None and actor.session == farewell.session:
        response.delete_cookie(COOKIE)
    return response
