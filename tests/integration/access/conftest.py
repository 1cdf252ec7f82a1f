"""A directory and OpenID providers as there are in companies, one of each for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.access import directory, openid_provider
from tests.integration.access.directory import Directory
from tests.integration.access.openid_provider import OpenIdProviders


@pytest.fixture(scope="session")
def ldap_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with directory.running(tmp_path_factory.mktemp("slapd")) as server:
        yield server


@pytest.fixture(scope="session")
def openid_providers() -> Iterator[OpenIdProviders]:
    with openid_provider.running() as providers:
        yield providers
