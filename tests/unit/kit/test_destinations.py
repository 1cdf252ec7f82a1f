from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.kit.destinations import (
    Allowed,
    Destination,
    found_by_name,
    is_here,
    leads_here,
    literal,
    name_of,
)
from brickyard.kit.errors import BadInput
from brickyard.kit.settings import Settings

IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)
PORTS = st.integers(1, 65535)


def named(also: str = "", **settings: object) -> set[tuple[str, int | None]]:
    found = Allowed.of(Settings(**settings), also).destinations  # type: ignore[arg-type]
    return {(one.host, one.port) for one in found if one.because != "BRICKYARD_HOST"}


@given(st.one_of(IPV4, IPV6))
def test_an_address_is_read_in_every_spelling(address: IPv4Address | IPv6Address) -> None:
    plain = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
    assert literal(str(address)) == plain
    assert literal(address.exploded) == plain
    if isinstance(address, IPv6Address):
        assert literal(f"[{address}]") == literal(f"{address}%eth0") == plain


@given(IPV4)
def test_an_ipv4_address_inside_an_ipv6_one_is_that_address(address: IPv4Address) -> None:
    assert literal(f"::ffff:{address}") == address
    assert leads_here(f"::ffff:{address}") == leads_here(str(address)) == is_here(address)


@pytest.mark.parametrize("text", ["", "example.org", "127.1", "0x7f.0.0.1", "2130706433", "1.2.3.4.5", "::1::", "a%b"])
def test_other_texts_are_no_addresses(text: str) -> None:
    assert literal(text) is None
    assert not leads_here(text)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "localhost", "::ffff:127.0.0.1"])
def test_this_machine(text: str) -> None:
    assert leads_here(text)


@given(st.one_of(IPV4, IPV6), PORTS)
def test_with_nothing_named_this_machine_alone_may_be_reached(address: IPv4Address | IPv6Address, port: int) -> None:
    plain = literal(str(address))
    assert plain is not None
    assert Allowed().permits(plain, port) == is_here(plain)


@given(st.one_of(IPV4, IPV6), st.one_of(IPV4, IPV6), PORTS, PORTS)
def test_an_address_is_allowed_on_its_port_alone(
    one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address, port: int, another: int
) -> None:
    target, elsewhere = literal(str(one)), literal(str(other))
    assert target is not None
    assert elsewhere is not None
    allowed = Allowed((Destination(str(target), port, "test"),))
    assert allowed.permits(target, port)
    assert allowed.permits(target, another) == (another == port or is_here(target))
    assert allowed.permits(elsewhere, port) == (elsewhere == target or is_here(elsewhere))
    assert Allowed((Destination(str(target), None, "test"),)).permits(target, another)


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("255.255.255.255", False),
        ("10.1.2.3", True),
        ("192.168.0.9", True),
        ("fd00::5", True),
        ("8.8.8.8", True),
    ],
)
def test_where_a_name_may_lead(address: str, may: bool) -> None:
    assert found_by_name(ip_address(address)) is may


@pytest.mark.parametrize(
    ("written", "known"),
    [("GPU1.Example.org.", "gpu1.example.org"), (b"gpu1", "gpu1"), ("bücher.de", "xn--bcher-kva.de"), ("..", "")],
)
def test_names_are_compared_as_they_are_asked_for(written: str | bytes, known: str) -> None:
    assert name_of(written) == known


@given(st.text(max_size=60))
def test_any_text_makes_a_name(text: str) -> None:
    assert name_of(name_of(text)) == name_of(text)


def test_nothing_is_named_where_nothing_is_set() -> None:
    assert named() == set()
    assert [str(one) for one in Allowed.of(Settings(host="127.0.0.1", port=1)).destinations] == ["127.0.0.1:1"]


def test_each_setting_names_its_own() -> None:
    found = Allowed.of(
        Settings(
            host="10.0.0.5",
            port=8400,
            database_url="postgresql://u:p@db.example.org/brickyard",
            broker="gpu1:8401",
            ollama_url="http://127.0.0.1:11434",
            llm_backends="http://gpu2:11434, openai+https://:TOKEN@vllm.example.org/v1,",
            webhook_hosts="hooks.example.org, 10.1.2.3:8080",
        ),
        also="login.example.org:443, [fd00::9]:636, fd00::8",
    )
    assert {(str(one), one.because) for one in found.destinations} == {
        ("10.0.0.5:8400", "BRICKYARD_HOST"),
        ("db.example.org:5432", "DATABASE_URL"),
        ("gpu1:8401", "BRICKYARD_BROKER"),
        ("127.0.0.1:11434", "BRICKYARD_OLLAMA_URL"),
        ("gpu2:11434", "BRICKYARD_LLM_BACKENDS"),
        ("vllm.example.org:443", "BRICKYARD_LLM_BACKENDS"),
        ("hooks.example.org", "BRICKYARD_WEBHOOK_HOSTS"),
        ("10.1.2.3:8080", "BRICKYARD_WEBHOOK_HOSTS"),
        ("login.example.org:443", "BRICKYARD_REACHABLE_HOSTS"),
        ("[fd00::9]:636", "BRICKYARD_REACHABLE_HOSTS"),
        ("[fd00::8]", "BRICKYARD_REACHABLE_HOSTS"),
    }


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://brickyard@/brickyard?host=/run/pg", set()),
        ("postgresql:///brickyard", set()),
        ("postgresql+psycopg://u@db:5433/x", {("db", 5433)}),
        ("postgresql://a:1,b:2,c/x", {("a", 1), ("b", 2), ("c", 5432)}),
        ("postgresql://u@/x?host=DB.example.org&port=6000", {("db.example.org", 6000)}),
        ("postgresql://u@[fd00::1]/x", {("fd00::1", 5432)}),
        ("postgresql://u@db/x?hostaddr=10.0.0.1", {("db", 5432), ("10.0.0.1", 5432)}),
    ],
)
def test_databases(url: str, hosts: set[tuple[str, int]]) -> None:
    assert named(database_url=url) == hosts


def test_a_broker_on_a_local_socket_is_no_machine() -> None:
    assert named(broker="/run/brickyard/broker.sock") == set()


def test_providers_to_sign_in_with(tmp_path: Path) -> None:
    written = tmp_path / "sign-in.toml"
    written.write_text(
        '[[oidc]]\nname = "keycloak"\nissuer = "https://login.example.org/realms/main"\n'
        '[[oidc]]\nname = "odd"\nissuer = 3\n'
        '[[ldap]]\nname = "ad"\nurl = "ldaps://dc1.example.org"\n'
        '[[ldap]]\nname = "other"\nurl = "ldap://10.0.0.7:3389"\n'
    )
    found = Allowed.of(Settings(sign_in_file=written))
    assert {(str(one), one.because) for one in found.destinations if one.because != "BRICKYARD_HOST"} == {
        ("login.example.org:443", "BRICKYARD_SIGN_IN_FILE, oidc 'keycloak'"),
        ("dc1.example.org:636", "BRICKYARD_SIGN_IN_FILE, ldap 'ad'"),
        ("10.0.0.7:3389", "BRICKYARD_SIGN_IN_FILE, ldap 'other'"),
    }
    written.write_text("[[oidc]")
    with pytest.raises(BadInput, match="cannot be read"):
        Allowed.of(Settings(sign_in_file=written))


@pytest.mark.parametrize(
    ("settings", "also", "told"),
    [
        ({"database_url": "postgresql://db:port/x"}, "", "DATABASE_URL"),
        ({"ollama_url": "gpu1:11434"}, "", "BRICKYARD_OLLAMA_URL"),
        ({"llm_backends": "ftp://gpu1"}, "", "BRICKYARD_LLM_BACKENDS"),
        ({"llm_backends": "http://:SECRET@:1/"}, "", "no address"),
        ({"webhook_hosts": "hooks:http"}, "", "BRICKYARD_WEBHOOK_HOSTS"),
        ({}, "https://login.example.org", "BRICKYARD_REACHABLE_HOSTS"),
    ],
)
def test_what_is_no_address_is_told(settings: dict[str, str], also: str, told: str) -> None:
    with pytest.raises(BadInput, match=told) as raised:
        named(also, **settings)
    assert "SECRET" not in raised.value.message
