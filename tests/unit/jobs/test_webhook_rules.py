from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.jobs.webhook_rules import (
    MOST_ATTEMPTS,
    PAUSES_S,
    SECRET_PREFIX,
    check_addresses,
    check_secret,
    check_url,
    hosts,
    new_secret,
    pause_s,
    signature,
)
from brickyard.kit.errors import BadInput

ALLOWED = hosts("hooks.example.org, 10.1.2.3:8080 ,[fd12::1]:80,169.254.169.254")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org/x?y=1",
        "http://HOOKS.example.org.:8443/x",
        "http://10.1.2.3:8080",
        "http://[fd12::1]/x",
    ],
)
def test_hosts_on_the_list_are_told(url: str) -> None:
    check_url(url, ALLOWED)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://other.example.org/", "not allowed"),
        ("https://hooks.example.org.evil.com/", "not allowed"),
        ("https://evil.com/hooks.example.org", "not allowed"),
        ("http://10.1.2.3/", "not allowed"),
        ("http://10.1.2.3:8081/", "not allowed"),
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("https://hooks.example.org@evil.com/", "no address"),
        ("https://user:word@hooks.example.org/", "no address"),
        ("https://hooks.example.org/#part", "no address"),
        ("ftp://hooks.example.org/", "no address"),
        ("file:///etc/passwd", "no address"),
        ("hooks.example.org", "no address"),
        ("https://", "no address"),
        ("https://hooks.example.org:99999/", "no address"),
        ("https://hooks.example.org\\@evil.com/", "no address"),
        ("https://hooks.example.org/\r\nX: y", "no address"),
        ("https://[::1", "no address"),
        ("https://hooks.example.org/" + "x" * 2000, "no address"),
    ],
)
def test_others_are_not(url: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        check_url(url, ALLOWED)


@pytest.mark.parametrize("setting", ["", " , "])
def test_without_a_list_nobody_is_told(setting: str) -> None:
    with pytest.raises(BadInput, match="BRICKYARD_WEBHOOK_HOSTS"):
        check_url("https://hooks.example.org/", hosts(setting))


@given(st.text(max_size=60))
def test_any_text_is_told_or_refused_with_a_reason(url: str) -> None:
    with pytest.raises(BadInput):
        check_url(url, ALLOWED)


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "192.168.1.1", "fd12::1", "::1", "93.184.216.34"])
def test_addresses_of_the_local_network_are_fine(address: str) -> None:
    check_addresses("host", [address])


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.7",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
    ],
)
def test_addresses_of_a_machines_own_services_are_not(address: str) -> None:
    with pytest.raises(BadInput, match="no webhook is sent"):
        check_addresses("host", ["10.0.0.1", address])


def test_a_new_secret_is_a_good_one_and_another_each_time() -> None:
    one, other = new_secret(), new_secret()
    check_secret(one)
    assert one != other
    assert len(base64.b64decode(one.removeprefix(SECRET_PREFIX))) == 32


@pytest.mark.parametrize("secret", ["", "short", "x" * 201, "whsec_not base64 at all, really"])
def test_weak_secrets_are_refused(secret: str) -> None:
    with pytest.raises(BadInput, match="secret"):
        check_secret(secret)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The worked example that the specification's libraries test themselves with."""
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(min_size=24, max_size=40), st.text(max_size=36), st.integers(0, 2**40), st.binary(max_size=60))
def test_a_secret_without_the_prefix_is_the_key_itself(secret: str, delivery: str, time_s: int, body: bytes) -> None:
    if secret.startswith(SECRET_PREFIX):
        return
    digest = hmac.new(secret.encode(), delivery.encode() + b"." + str(time_s).encode() + b"." + body, hashlib.sha256)
    assert signature(secret, delivery, time_s, body) == "v1," + base64.b64encode(digest.digest()).decode()


def test_pauses_grow_and_end() -> None:
    pauses = [pause_s(failures) for failures in range(1, MOST_ATTEMPTS + 1)]
    assert pauses == [5, 30, 120, 600, 3600, 21600, None]
    assert list(PAUSES_S) == sorted(PAUSES_S)
