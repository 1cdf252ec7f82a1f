"""Signing in with an OpenID Connect provider: the authorization code flow with PKCE (S256), state and nonce.

Nothing is asked of a provider but what its discovery document names, redirects are not followed, and no proxy is used.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc.jwk import KeySet

from brickyard.access import id_token
from brickyard.access.groups import Person, plain
from brickyard.access.providers import OidcSettings
from brickyard.kit import logs
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import Unauthenticated, Unavailable

ANSWER_S = 10.0
"""For one answer as a whole, however slowly it comes."""
MAX_ANSWER_BYTES = 1 << 20
KNOWN_FOR = timedelta(hours=1)
"""How long discovery and keys are believed before they are asked for again."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """What must be kept of a sign-in, where nobody else can read it, until its answer comes. `url`: where to go."""

    url: str
    state: str
    nonce: str
    verifier: str

    def expect(self, state: str | None) -> None:
        """Raises Unauthenticated where an answer belongs to another sign-in."""
        if state is None or not hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode()):
            raise Unauthenticated("This answer belongs to another sign-in than the one begun here. Begin again.")


@dataclass(frozen=True, slots=True)
class Endpoints:
    authorization: str
    token: str
    keys: str
    userinfo: str | None
    names_itself: bool
    """Whether the answer names the issuer (RFC 9207)."""
    takes_basic: bool


class OidcProvider:
    def __init__(self, settings: OidcSettings, clock: Clock = utc_now) -> None:
        self.name = settings.name
        self.label = settings.shown
        self._settings = settings
        self._groups = settings.group_map(ignores_case=False)
        self._tls = settings.tls()
        self._clock = clock
        self._found: tuple[datetime, Endpoints] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    async def begin(self, redirect_uri: str) -> Begun:
        """Raises Unavailable where the provider is away, or is not the one that the settings name."""
        endpoints = await self._endpoints()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(endpoints.authorization).query else "?"
        return Begun(f"{endpoints.authorization}{joint}{urlencode(asked)}", state, nonce, verifier)

    async def finish(self, code: str, begun: Begun, redirect_uri: str, issuer_param: str | None = None) -> Person:
        """`issuer_param`: the `iss` of the answer. Whoever calls has checked its state: `begun.expect(state)`.

        Raises Unauthenticated where anything does not fit, Forbidden where the groups do not, Unavailable.
        """
        try:
            return await self._finish(code, begun, redirect_uri, issuer_param)
        except Unauthenticated as error:
            log.warning("oidc.refused", provider=self.name, why=error.message)
            raise

    async def _finish(self, code: str, begun: Begun, redirect_uri: str, issuer_param: str | None) -> Person:
        endpoints = await self._endpoints()
        if issuer_param != self._settings.issuer and (issuer_param is not None or endpoints.names_itself):
            raise Unauthenticated(f"The answer names {issuer_param} and not {self._settings.issuer}. Begin again.")
        tokens = await self._tokens(endpoints, code, begun, redirect_uri)
        claims = await self._claims(endpoints, tokens, begun)
        wanted = (self._settings.claims.groups, self._settings.claims.name)
        if endpoints.userinfo is not None and any(_at(claims, claim) is None for claim in wanted):
            claims = {**await self._userinfo(endpoints.userinfo, tokens["access_token"], claims["sub"]), **claims}
        return self._groups.applied_to(self._person(claims), self.label)

    async def _endpoints(self) -> Endpoints:
        if self._found is not None and self._clock() - self._found[0] < KNOWN_FOR:
            return self._found[1]
        status, told = await self._ask("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != httpx.codes.OK:
            raise self._away(f"its discovery document was answered with {status}")
        if told.get("issuer") != self._settings.issuer:
            raise self._away(
                f"it calls itself '{plain(told.get('issuer'))}', but the settings say '{self._settings.issuer}'; "
                "the two must be the same to the letter"
            )
        endpoints = self._described(told)
        self._found = (self._clock(), endpoints)
        return endpoints

    def _described(self, told: dict[str, Any]) -> Endpoints:
        methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Endpoints(
            authorization=self._address(told, "authorization_endpoint"),
            token=self._address(told, "token_endpoint"),
            keys=self._address(told, "jwks_uri"),
            userinfo=self._address(told, "userinfo_endpoint") if told.get("userinfo_endpoint") else None,
            names_itself=told.get("authorization_response_iss_parameter_supported") is True,
            takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        )

    def _address(self, told: dict[str, Any], key: str) -> str:
        address = told.get(key)
        allowed = ("https://", "http://") if self._settings.allow_plain else ("https://",)
        if not isinstance(address, str) or not address.startswith(allowed):
            raise self._away(f"its discovery document has no '{key}' that begins with {allowed[0]}")
        return address

    async def _tokens(self, endpoints: Endpoints, code: str, begun: Begun, redirect_uri: str) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": begun.verifier,
            "client_id": self._settings.client_id,
        }
        headers: dict[str, str] = {}
        if self._settings.client_secret is not None:
            secret = self._settings.client_secret.get_secret_value()
            if endpoints.takes_basic:
                del form["client_id"]
                headers["Authorization"] = _basic(self._settings.client_id, secret)
            else:
                form["client_secret"] = secret
        status, told = await self._ask("POST", endpoints.token, headers, form)
        if status != httpx.codes.OK:
            raise self._denied(status, told)
        if not all(isinstance(told.get(key), str) for key in ("id_token", "access_token")):
            raise Unauthenticated(f"{self.label} sent no ID token. Its client for this platform must allow 'openid'.")
        return {key: told[key] for key in ("id_token", "access_token")}

    def _denied(self, status: int, told: dict[str, Any]) -> Unauthenticated | Unavailable:
        error = plain(told.get("error"))
        if error == "invalid_grant":
            return Unauthenticated(
                f"{self.label} no longer knows this sign-in: it was used, or took too long. Begin again."
            )
        if error in ("invalid_client", "unauthorized_client"):
            return self._away(f"it refuses this platform ({error}): check client_id and client_secret_file")
        return self._away(f"it did not exchange the code (status {status}, {error or 'no reason told'})")

    async def _claims(self, endpoints: Endpoints, tokens: dict[str, str], begun: Begun) -> dict[str, Any]:
        expected = id_token.Expected(
            self._settings.issuer, self._settings.client_id, begun.nonce, tokens["access_token"]
        )
        now_s = int(self._clock().timestamp())
        try:
            return id_token.claims_of(tokens["id_token"], await self._published(endpoints), expected, now_s)
        except id_token.UnknownKey:  # keys are changed now and then: look once more
            self._keys = None
            return id_token.claims_of(tokens["id_token"], await self._published(endpoints), expected, now_s)

    async def _published(self, endpoints: Endpoints) -> KeySet:
        if self._keys is not None and self._clock() - self._keys[0] < KNOWN_FOR:
            return self._keys[1]
        status, told = await self._ask("GET", endpoints.keys)
        if status != httpx.codes.OK:
            raise self._away(f"its keys were answered with {status}")
        keys = id_token.keys_of(told)
        self._keys = (self._clock(), keys)
        return keys

    async def _userinfo(self, address: str, access_token: str, subject: str) -> dict[str, Any]:
        status, told = await self._ask("GET", address, {"Authorization": f"Bearer {access_token}"})
        if status != httpx.codes.OK:
            raise self._away(f"it did not tell who signed in (userinfo, status {status})")
        if not told:
            raise self._away("what it tells of who signed in is not JSON; signed userinfo is not understood")
        if told.get("sub") != subject:
            raise Unauthenticated(f"{self.label} told of somebody else than who signed in. Begin again.")
        return told

    def _person(self, claims: dict[str, Any]) -> Person:
        wanted = self._settings.claims
        groups = _at(claims, wanted.groups)
        elsewhere = claims.get("_claim_names")
        if groups is None and isinstance(elsewhere, dict) and wanted.groups in elsewhere:
            raise self._away(
                "you are in too many groups for its answer; have it send only the groups assigned to this platform"
            )
        told = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        email = plain(_at(claims, wanted.email)) if claims.get("email_verified") is not False else ""
        name = plain(_at(claims, wanted.name)) or email or plain(claims["sub"])
        return Person(
            provider=self.name,
            subject=claims["sub"],
            name=name,
            display_name=plain(_at(claims, wanted.display_name)) or name,
            email=email or None,
            groups=frozenset(group for group in told if isinstance(group, str)),
        )

    async def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of an answer; an answer of another shape counts as an empty one."""
        sent = {"Accept": "application/json", **(headers or {})}
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=ANSWER_S) as client,
                client.stream(method, url, headers=sent, data=form) as response,
            ):
                content = bytearray()
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > MAX_ANSWER_BYTES:
                        raise self._away(f"it answered with more than {MAX_ANSWER_BYTES:,} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._away(f"{urlsplit(self._settings.issuer).hostname} cannot be reached: {error}") from error
        except TimeoutError as error:
            raise self._away(f"it did not answer within {ANSWER_S:.0f} s") from error
        return response.status_code, _object(bytes(content))

    def _away(self, why: str) -> Unavailable:
        log.warning("oidc.unavailable", provider=self.name, why=why)
        return Unavailable(f"Nobody can sign in with {self.label} now: {why}.")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749, 2.3.1: both are encoded as in a form first."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _object(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _at(claims: dict[str, Any], path: str) -> Any:
    """A claim of that very name, which may be an address, or else the one that the path with dots leads to."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
