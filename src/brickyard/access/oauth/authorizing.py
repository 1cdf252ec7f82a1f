"""The authorization endpoint: where an app's browser comes for a code.

not to be trusted   client or address unknown: told on a page, nobody is sent anywhere
refused             back to the app with an error
not signed in       to the page of signing in, and from there here again
signed in           back to the app with a code
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError
from authlib.oidc.core.errors import LoginRequiredError

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.oauth import prompting
from brickyard.access.oauth.clients import Client
from brickyard.access.oauth.server import Server
from brickyard.access.oauth.store import SignedIn
from brickyard.access.oauth.wire import Asked, Reply, Request, plain
from brickyard.kit.errors import BadInput

SIGN_IN = "/signin"
UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class Trusted:
    """A request whose client is known and may be answered at `redirect_uri`."""

    client: Client
    redirect_uri: str
    parameters: Mapping[str, str]


class Authorizing:
    def __init__(self, server: Server, audit: Audit) -> None:
        self._server = server
        self._audit = audit

    def answer(self, asked: Asked, actor: Actor | None) -> Reply:
        """A redirect, in any case. `actor`: who is signed in, if anybody. Raises BadInput for what is not trusted."""
        trusted = self._trusted(asked)
        try:
            reply = self._answer(asked, trusted, actor)
        except OAuth2Error as error:
            error.redirect_uri = trusted.redirect_uri
            error.state = trusted.parameters.get("state")
            reply = self._server.handle_error_response(None, error)
        if reply.location is not None and not reply.location.startswith(SIGN_IN):
            # RFC 9207: a client of several providers can tell who answered.
            reply.headers["Location"] = add_params_to_uri(reply.location, [("iss", self._server.issuer)])
        return reply

    def _trusted(self, asked: Asked) -> Trusted:
        parameters = asked.parameters()
        client = self._server.query_client(parameters.get("client_id", ""))
        if client is None:
            raise BadInput(
                "The app that sent you here is not registered (client_id). An administrator registers apps with "
                "`brickyard clients add`."
            )
        uri = parameters.get("redirect_uri", "")
        if not client.check_redirect_uri(uri):
            raise BadInput(
                f"The app {client.name} wants you to come back to {uri or 'nowhere'}, which is not registered for it "
                "(redirect_uri). It has to be the same letter by letter."
            )
        return Trusted(client, uri, parameters)

    def _answer(self, asked: Asked, trusted: Trusted, actor: Actor | None) -> Reply:
        _check_kind(trusted.parameters)
        demand = _demand(trusted.parameters)
        request = Request(asked, self._server.issuer)
        signed_in = self._signed_in(actor)
        # Before anybody is sent to sign in: no one should do so for a request that is refused anyway.
        grant = self._server.get_consent_grant(request, signed_in)
        now = self._server.store.clock()
        if actor is None or signed_in is None or not prompting.is_fresh(demand, signed_in.auth_time, now):
            if demand.is_silent:
                raise LoginRequiredError("Nobody is signed in, or not recently enough.")
            return self._to_sign_in(asked.path, trusted.parameters, demand)
        self._admit(trusted.client, signed_in, actor)
        reply: Reply = self._server.create_authorization_response(request, grant_user=signed_in, grant=grant)
        return reply

    def _signed_in(self, actor: Actor | None) -> SignedIn | None:
        """An API key or an app's token is no person at a browser."""
        if actor is None or actor.via != "session" or actor.session is None:
            return None
        return self._server.store.signed_in(actor.session)

    def _to_sign_in(self, path: str, parameters: Mapping[str, str], demand: prompting.Demand) -> Reply:
        """`again`: the page asks even where somebody is signed in."""
        again = {"again": "1"} if demand.asks_anew else {}
        if again:
            mark = prompting.microseconds(self._server.store.clock())
            parameters = {**parameters, prompting.MARK: str(mark)}
        back = f"{path}?{urlencode(parameters)}"
        return Reply(302, "", {"Location": f"{SIGN_IN}?{urlencode({'next': back} | again)}"})

    def _admit(self, client: Client, signed_in: SignedIn, actor: Actor) -> None:
        """Nobody gets a code that the audit log does not tell of."""
        is_admitted = client.admits(signed_in.person.roles)
        entry = entry_of(
            actor,
            "oauth.authorize",
            object_kind="client",
            object_id=client.client_id,
            outcome="allowed" if is_admitted else "refused",
        )
        self._audit.append(entry)
        if not is_admitted:
            wanted = " or ".join(sorted(role.replace("_", " ") for role in client.roles))
            raise AccessDeniedError(plain(f"{client.name} is open to the role {wanted}. Ask an administrator."))


def _check_kind(parameters: Mapping[str, str]) -> None:
    """Raises OAuth2Error for what this provider does not do."""
    for name, error in UNSUPPORTED.items():
        if name in parameters:
            raise OAuth2Error(error=error, description=f"The parameter {name} is not supported.")
    if "response_type" not in parameters:
        raise InvalidRequestError("response_type is missing; it has to be code.")
    if parameters["response_type"] != "code":
        raise OAuth2Error(error="unsupported_response_type", description="response_type has to be code.")
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequestError("response_mode has to be query.")


def _demand(parameters: Mapping[str, str]) -> prompting.Demand:
    try:
        return prompting.demand(parameters)
    except BadInput as error:
        raise InvalidRequestError(plain(error.message)) from None
