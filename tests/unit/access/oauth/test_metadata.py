from __future__ import annotations

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from brickyard.access.oauth import metadata


def test_it_is_what_the_standards_ask_for() -> None:
    told = metadata.of("https://brickyard.test")
    OpenIDProviderMetadata(told).validate()
    AuthorizationServerMetadata(told).validate()


def test_everything_is_at_the_issuer() -> None:
    told = metadata.of("https://brickyard.test:8443")
    addresses = [value for name, value in told.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(addresses) == 7
    assert all(address.startswith("https://brickyard.test:8443/oauth/") for address in addresses)
