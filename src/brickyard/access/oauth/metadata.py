"""What clients read first: where everything is and what is offered (OpenID Connect Discovery, RFC 8414). Pure."""

from __future__ import annotations

from typing import Any

from brickyard.access.oauth import claims

AUTHORIZE = "/oauth/authorize"
TOKEN = "/oauth/token"
USERINFO = "/oauth/userinfo"
JWKS = "/oauth/jwks.json"
REVOKE = "/oauth/revoke"
INTROSPECT = "/oauth/introspect"
LOGOUT = "/oauth/logout"
WITH_SECRET = ["client_secret_basic", "client_secret_post"]


def of(issuer: str) -> dict[str, Any]:
    """`issuer`: the platform's address, without a slash at the end."""
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": issuer + TOKEN,
        "userinfo_endpoint": issuer + USERINFO,
        "jwks_uri": issuer + JWKS,
        "revocation_endpoint": issuer + REVOKE,
        "introspection_endpoint": issuer + INTROSPECT,
        "end_session_endpoint": issuer + LOGOUT,
        "scopes_supported": list(claims.SCOPES),
        "claims_supported": ["iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", *claims.CLAIMS],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*WITH_SECRET, "none"],
        "revocation_endpoint_auth_methods_supported": [*WITH_SECRET, "none"],
        "introspection_endpoint_auth_methods_supported": WITH_SECRET,
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
