from __future__ import annotations

import string
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.oauth.redirects import check, is_registered
from brickyard.kit.errors import BadInput

LETTERS = string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+,;=%\\ \n\t\0é\"<>"
PORTS = st.integers(1, 65535)
PATHS = st.sampled_from(["", "/", "/back", "/back?x=1", "/a/b;c"])
HOSTS = st.sampled_from(["127.0.0.1", "[::1]"])


@given(st.text(LETTERS, max_size=60), st.lists(st.text(LETTERS, max_size=60), max_size=4))
def test_a_confidential_client_is_answered_at_its_own_addresses_alone(uri: str, registered: list[str]) -> None:
    assert is_registered(uri, registered, is_public=False) == (uri in registered)


@given(st.sampled_from(["https://app.test/back", "http://127.0.0.1:80/back", "org.app:/back"]), st.data())
def test_one_other_letter_is_another_address(registered: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(registered)))
    letter = data.draw(st.sampled_from(sorted(set(LETTERS) - set(string.digits))))
    changed = registered[:at] + letter + registered[at + data.draw(st.integers(0, 1)) :]
    assert is_registered(changed, [registered], is_public=True) == (changed == registered)


@given(HOSTS, PORTS, PORTS, PATHS)
def test_a_program_of_ones_own_listens_on_any_port(host: str, one: int, other: int, path: str) -> None:
    registered = [f"http://{host}:{one}{path}"]
    assert is_registered(f"http://{host}:{other}{path}", registered, is_public=True)
    assert is_registered(f"http://{host}:{other}{path}", [f"http://{host}{path}"], is_public=True)
    assert is_registered(f"http://{host}:{other}{path}", registered, is_public=False) == (one == other)
    assert not is_registered(f"http://{host}:{other}{path}/x", registered, is_public=True)
    assert is_registered(f"https://{host}:{other}{path}", registered, is_public=True) is False


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:0/back",
        "http://127.0.0.1:65536/back",
        "http://127.0.0.1:+1/back",
        "http://127.0.0.1:/back",
        "http://127.0.0.1.evil.test:80/back",
        "http://127.0.0.1:80@evil.test/back",
        "http://localhost:80/back",
        "http://127.1:80/back",
        "http://[::1]:80/back",
        "http://127.0.0.1:80/back\n",
        "http://127.0.0.1:80\\@evil.test/back",
    ],
)
def test_what_only_looks_like_ones_own_machine(uri: str) -> None:
    assert not is_registered(uri, ["http://127.0.0.1:80/back"], is_public=True)


@pytest.mark.parametrize(
    "uri", ["https://app.test", "https://app.test:8443/a/b?c=d", "http://localhost:3000/cb", "http://[::1]/cb"]
)
def test_addresses_that_may_be_registered(uri: str) -> None:
    assert check(uri, is_public=False) == uri


def test_an_apps_own_scheme_is_for_public_clients() -> None:
    assert check("org.example.app:/signed-in", is_public=True)
    with pytest.raises(BadInput, match="no safe address"):
        check("org.example.app:/signed-in", is_public=False)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("http://app.test/back", "no safe address"),
        ("javascript:alert(1)", "no safe address"),
        ("data:text/html,x", "no safe address"),
        ("file:///etc/passwd", "no safe address"),
        ("//app.test/back", "no safe address"),
        ("/back", "no safe address"),
        ("https:///back", "no safe address"),
        ("https://app.test/back#x", "no address"),
        ("https://*.app.test/back", "patterns"),
        ("https://app.test/a b", "no address"),
        ("https://app.test\\@evil.test", "no address"),
        ("https://app.test/\n", "no address"),
        ("https://app.test:99999/", "no address"),
        ("https://[app.test/", "no address"),
        ("https://user@app.test/", "names a user"),
        ("https://app.test/?code=1", "which the answer brings"),
        ("https://app.test/" + "a" * 2000, "no address"),
        ("", "no address"),
    ],
)
def test_addresses_that_may_not(uri: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        check(uri, is_public=True)


BEGINNINGS = st.sampled_from(["https://", "https://a", "http://localhost", "http://127.0.0.1:", "org.app:", ""])


@given(BEGINNINGS, st.text(LETTERS, max_size=30))
def test_whatever_is_registered_leads_somewhere_safe(beginning: str, rest: str) -> None:
    """As a browser reads it, which takes a backslash for a slash and leaves out tabs and ends of lines."""
    uri = beginning + rest
    if not is_accepted(uri):
        return
    assert uri.isascii()
    assert uri.isprintable()
    assert not set(uri) & set('\\#*"<> ')
    parts = urlsplit(uri)
    assert parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"} or "." in parts.scheme
    assert parts.username is None


def is_accepted(uri: str) -> bool:
    try:
        return check(uri, is_public=True) == uri
    except BadInput:
        return False
