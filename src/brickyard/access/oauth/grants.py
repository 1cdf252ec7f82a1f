"""Authlib's grants and endpoints, with our store behind them. Codes and tokens change hands in `server.save_token`, in
one transaction; what Authlib calls before and after that only looks.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import OpenIDCode
from joserfc.jwk import KeySet

from brickyard.access.oauth import claims
from brickyard.access.oauth.claims import OFFLINE
from brickyard.access.oauth.clients import Client
from brickyard.access.oauth.metadata import WITH_SECRET
from brickyard.access.oauth.signing import ALGORITHM, SigningKeys
from brickyard.access.oauth.store import CODE_PREFIX, Code, SignedIn, Store, Token, Wanted, fresh

S256 = "S256"
ID_TOKEN_LIVES_S = 3600


class Home(Protocol):
    """What the grants ask of the server that they belong to."""

    issuer: str
    store: Store
    signing: SigningKeys

    def tell_replay(self, kind: str, user_id: str | None, client: Client) -> None: ...


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = [*WITH_SECRET, "none"]
    server: Home

    def generate_authorization_code(self) -> str:
        return fresh(CODE_PREFIX)

    def save_authorization_code(self, code: str, request: Any) -> None:
        parameters = request.payload.data
        wanted = Wanted(
            client_id=request.client.client_id,
            redirect_uri=parameters["redirect_uri"],
            scopes=request.scope.split(),
            nonce=parameters.get("nonce"),
            code_challenge=parameters.get("code_challenge"),
            code_challenge_method=parameters.get("code_challenge_method"),
        )
        self.server.store.add_code(code, wanted, request.user)

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.store.code(code, client.client_id)
        if found is None:
            self.server.tell_replay("code", self.server.store.replayed_code(code, client.client_id), client)
        return found

    def authenticate_user(self, code: Code) -> SignedIn:
        return code.signed_in

    def generate_token(self, *, scope: str, include_refresh_token: bool, **rest: Any) -> dict[str, Any]:
        """Only who asked to come back without the person (`offline_access`) gets a refresh token."""
        offline = include_refresh_token and OFFLINE in scope.split()
        token: dict[str, Any] = super().generate_token(scope=scope, include_refresh_token=offline, **rest)
        return token

    def delete_authorization_code(self, code: Code) -> None:
        """It is used up already."""


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = [*WITH_SECRET, "none"]
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: Home

    def authenticate_refresh_token(self, refresh: str) -> Token | None:
        found = self.server.store.by_refresh(refresh)
        if found is None:
            client = self.request.client
            self.server.tell_replay("refresh", self.server.store.replayed_refresh(refresh, client.client_id), client)
        return found

    def authenticate_user(self, token: Token) -> SignedIn:
        return token.signed_in

    def revoke_old_credential(self, token: Token) -> None:
        """It is revoked already."""


class Challenge(CodeChallenge):  # type: ignore[misc]
    """S256 and nothing else; public clients have to send one from the first request on."""

    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = [S256]
    CODE_CHALLENGE_METHODS: ClassVar = {S256: CodeChallenge.CODE_CHALLENGE_METHODS[S256]}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        parameters = grant.request.payload.data
        if "code_challenge" in parameters and parameters.get("code_challenge_method") != S256:
            raise InvalidRequestError("code_challenge_method has to be S256.")
        if "code_challenge" not in parameters and grant.request.client.is_public:
            raise InvalidRequestError("A public client has to send a code_challenge (PKCE, S256).")
        super().validate_code_challenge(grant, redirect_uri)


class IdToken(OpenIDCode):  # type: ignore[misc]
    """What is told of the person and of the sign-in, signed. `sid`: the session, by which it can be ended."""

    def __init__(self, server: Home) -> None:
        super().__init__(require_nonce=False)
        self._server = server

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        """The client checks that it is the one it sent; a person who goes back in the browser is no attacker."""
        return False

    def get_client_algorithm(self, client: Client) -> str:
        return ALGORITHM

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": ALGORITHM, "kid": self._server.signing.signer().kid}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._server.store.clock().timestamp())
        return {"iss": self._server.issuer, "aud": client.client_id, "iat": now, "exp": now + ID_TOKEN_LIVES_S}

    def get_authorization_code_claims(self, code: Code) -> dict[str, Any]:
        told: dict[str, Any] = super().get_authorization_code_claims(code)
        return told | {"sid": str(code.signed_in.session)}

    def resolve_client_private_key(self, client: Client) -> KeySet:
        return self._server.signing.all()

    def generate_user_info(self, user: SignedIn, scope: str) -> dict[str, Any]:
        return claims.of(user.person, scope.split())


def _either(store: Store, token: str) -> Token | None:
    return store.by_access(token) or store.by_refresh(token)


def _check_token(request: Any) -> None:
    """Hints of its kind are passed over, since both kinds are looked for."""
    if not request.form.get("token"):
        raise InvalidRequestError("The parameter token is missing.")


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """Whichever token is given back, the whole family ends."""

    CLIENT_AUTH_METHODS: ClassVar = [*WITH_SECRET, "none"]
    server: Home

    def check_params(self, request: Any, client: Client) -> None:
        _check_token(request)

    def authenticate_token(self, request: Any, client: Client) -> Token | None:
        """One that was replaced meanwhile stands for its successors."""
        found: Token | None = super().authenticate_token(request, client)
        if found is None:
            self.server.store.replayed_refresh(request.form["token"], client.client_id)
        return found

    def query_token(self, token: str, hint: str | None) -> Token | None:
        return _either(self.server.store, token)

    def revoke_token(self, token: Token, request: Any) -> None:
        self.server.store.revoke(token.family)


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """A client that can prove who it is hears of its own tokens."""

    CLIENT_AUTH_METHODS: ClassVar = WITH_SECRET
    server: Home

    def check_params(self, request: Any, client: Client) -> None:
        _check_token(request)

    def check_permission(self, token: Token, client: Client, request: Any) -> bool:
        return token.check_client(client)

    def query_token(self, token: str, hint: str | None) -> Token | None:
        return _either(self.server.store, token)

    def introspect_token(self, token: Token) -> dict[str, Any]:
        return {
            "active": True,
            "client_id": token.client_id,
            "token_type": "Bearer",
            "username": token.signed_in.person.name,
            "sub": token.signed_in.person.id,
            "scope": token.get_scope(),
            "aud": token.client_id,
            "iss": self.server.issuer,
            "iat": int(token.issued_at.timestamp()),
            "exp": int(token.expires_at.timestamp()),
        }


class Bearer(BearerTokenValidator):  # type: ignore[misc]
    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def authenticate_token(self, shown: str) -> Token | None:
        return self._store.by_access(shown)
