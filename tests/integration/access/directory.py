"""A real OpenLDAP on loopback: a tree as it is used mostly, and one with the names that Active Directory has."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.access.certificates import Certified, certified

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/libexec:/usr/local/libexec")
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")

BASE = "dc=example,dc=org"
SERVICE = f"cn=brickyard,ou=services,{BASE}"
SERVICE_PASSWORD = "søme secret"
ALICE_PASSWORD = "correct horse ﬁne"
"""Its ligature shows that passwords go as they were typed."""
ALICE_GUID = UUID("01020304-0506-0708-090a-0b0c0d0e0f10")

ACTIVE_DIRECTORY_SCHEMA = """
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL
  MUST ( sAMAccountName $ objectGUID $ userAccountControl $ objectCategory ) MAY userPrincipalName )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY member )
"""


@dataclass
class Directory:
    port: int
    tls_port: int
    files: Certified
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"


@contextmanager
def running(folder: Path) -> Iterator[Directory]:
    if SLAPD is None or not SCHEMAS.is_dir() or not MODULES.is_dir():
        pytest.skip("OpenLDAP's server is not at hand: `apt-get install slapd` brings it")
    files = certified(folder / "tls")
    configuration = _configured(folder, files)
    people = folder / "people.ldif"
    people.write_text(_people(), encoding="utf-8")
    subprocess.run([SLAPD, "-Tadd", "-f", configuration, "-l", people], check=True, capture_output=True)
    port, tls_port = _free_ports()
    listening = f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"
    process = subprocess.Popen([SLAPD, "-d", "0", "-f", configuration, "-h", listening], stderr=subprocess.DEVNULL)
    try:
        _wait_for(tls_port, process)
        yield Directory(port, tls_port, files, process)
    finally:
        process.terminate()
        process.wait(10)


def _configured(folder: Path, files: Certified) -> Path:
    (folder / "data").mkdir()
    (folder / "ad.schema").write_text(ACTIVE_DIRECTORY_SCHEMA.strip() + "\n", encoding="utf-8")
    lines = [
        *(f"include {SCHEMAS / name}.schema" for name in ("core", "cosine", "inetorgperson")),
        f"include {folder / 'ad.schema'}",
        f"modulepath {MODULES}",
        "moduleload back_mdb",
        f"pidfile {folder / 'slapd.pid'}",
        f"TLSCACertificateFile {files.authority}",
        f"TLSCertificateFile {files.certificate}",
        f"TLSCertificateKeyFile {files.key}",
        # as careless as a directory can be: a name without a password is let in
        "allow bind_anon_dn",
        "access to attrs=userPassword by anonymous auth by * none",
        f'access to * by dn.exact="{SERVICE}" read by * none',
        "database mdb",
        f'suffix "{BASE}"',
        f'rootdn "cn=root,{BASE}"',
        f"directory {folder / 'data'}",
        "maxsize 16777216",
    ]
    configuration = folder / "slapd.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return configuration


def _people() -> str:
    units = [f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example"]
    units += [_unit(f"ou={name},{BASE}") for name in ("services", "people", "groups", "ad")]
    units += [_unit(f"ou={name},ou=ad,{BASE}") for name in ("users", "groups")]
    service = f"dn: {SERVICE}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: brickyard"
    service += f"\nuserPassword:: {_base64(SERVICE_PASSWORD)}"
    alice = _person("alice", "Alicé Doe", ALICE_PASSWORD, "alice@example.org")
    people = [alice, _person("bob", "Bob Roe", "bob's password"), _person("Bob (2)", "Bob Two", "two")]
    people += [_person("twin", "First Twin", "twin"), _person("twin", "Second Twin", "twin", unit="services")]
    groups = [_group("Archive Staff", "alice"), _group("Board", "alice", "bob"), _group("Others", "bob")]
    active = [_active("asmith", 512), _active("gone", 514), _active_group("Analysts", "asmith")]
    return "\n\n".join([*units, service, *people, *groups, *active]) + "\n"


def _unit(dn: str) -> str:
    return f"dn: {dn}\nobjectClass: organizationalUnit\nou: {dn.removeprefix('ou=').partition(',')[0]}"


def _person(uid: str, name: str, password: str, mail: str = "", unit: str = "people") -> str:
    entry = f"dn: uid={uid},ou={unit},{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\nsn: {uid}"
    entry += f"\ncn:: {_base64(name)}\nuserPassword:: {_base64(password)}"
    return entry + (f"\nmail: {mail}" if mail else "")


def _group(name: str, *members: str) -> str:
    listed = "\n".join(f"member: uid={member},ou=people,{BASE}" for member in members)
    return f"dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{listed}"


def _active(name: str, control: int) -> str:
    """`control`: 512 is an account, 2 more one that is disabled."""
    guid = base64.b64encode(ALICE_GUID.bytes_le).decode()
    return (
        f"dn: cn={name},ou=users,ou=ad,{BASE}\nobjectClass: user\ncn: {name}\nsn: {name}\nobjectCategory: person\n"
        f"sAMAccountName: {name}\nuserPrincipalName: {name}@example.org\nuserAccountControl: {control}\n"
        f"displayName: {name.title()}\nobjectGUID:: {guid}\nuserPassword: {name}"
    )


def _active_group(name: str, member: str) -> str:
    dn = f"cn={name},ou=groups,ou=ad,{BASE}"
    return f"dn: {dn}\nobjectClass: group\ncn: {name}\nmember: cn={member},ou=users,ou=ad,{BASE}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"slapd was not ready within 20 s (exit status {process.poll()})")
