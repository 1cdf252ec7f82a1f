"""Authorities of a test's own, and certificates for servers on loopback."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HALF_AN_HOUR = timedelta(minutes=30)


@dataclass(frozen=True)
class Certified:
    """Files in PEM. `authority` signed `certificate`, whose private key is `key`."""

    authority: Path
    certificate: Path
    key: Path


def certified(folder: Path, host: str = "127.0.0.1") -> Certified:
    """A server called `host`, under a new authority. Keep `folder` as long as they are used."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Certified(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("an authority for tests")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = _begun(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(True, 0), critical=True)
    files.authority.write_bytes(_pem(ca.add_extension(usage, critical=True).sign(ca_key, hashes.SHA256())))
    server = _begun(_name(host), ca_name, key).add_extension(x509.SubjectAlternativeName([_host(host)]), critical=False)
    server = server.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    server = server.add_extension(authority_id, critical=False)
    files.certificate.write_bytes(_pem(server.sign(ca_key, hashes.SHA256())))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(now - HALF_AN_HOUR).not_valid_after(now + HALF_AN_HOUR)
    return dated.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
