"""What needs no directory; signing in with a real one is in tests/integration/access."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from brickyard.access.ldap import LdapDirectory
from brickyard.access.providers import LdapSettings
from brickyard.kit.errors import Unavailable


class Listener:
    """Takes connections, counts them, and hangs up."""

    def __init__(self, server: socket.socket) -> None:
        self.port: int = server.getsockname()[1]
        self.connections = 0
        self._server = server
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Listener(server)
        server.shutdown(socket.SHUT_RDWR)


def directory(port: int, **more: Any) -> LdapDirectory:
    given = {
        "name": "staff",
        "label": "Staff directory",
        "kind": "openldap",
        "url": f"ldap://127.0.0.1:{port}",
        "allow_plain": True,
        "base_dn": "dc=example,dc=org",
    }
    return LdapDirectory(LdapSettings.model_validate({**given, **more}))


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", ""), ("", "secret"), ("ada", "\0"), ("ada\0", "x"), ("a" * 257, "x"), ("ada", "\udfff")],
)
def test_what_no_directory_should_be_asked_is_not_sent(listener: Listener, name: str, password: str) -> None:
    assert directory(listener.port).check(name, password) is None
    assert listener.connections == 0


def test_a_directory_that_hangs_up_is_unavailable(listener: Listener) -> None:
    with pytest.raises(Unavailable, match="Nobody can sign in with Staff directory now"):
        directory(listener.port).check("ada", "secret")
    assert listener.connections == 1


@pytest.mark.parametrize("more", [{"start_tls": True, "allow_plain": False}, {"allow_plain": True}])
def test_a_directory_that_is_not_there_is_named(more: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match=f"ldap://127.0.0.1:{port}"):
        directory(port, **more).check("ada", "secret")


def test_it_is_known_by_name_and_label() -> None:
    assert (directory(1).name, directory(1).label) == ("staff", "Staff directory")
