"""Signing in with a directory: its service account finds who is meant, and the directory itself checks the password.

Each sign-in has connections of its own. Referrals are not followed: they would send the password elsewhere.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from ldap3 import ANONYMOUS, NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import (
    LDAPConstraintViolationResult,
    LDAPException,
    LDAPInappropriateAuthenticationResult,
    LDAPInvalidCredentialsResult,
    LDAPSizeLimitExceededResult,
    LDAPUnwillingToPerformResult,
)
from ldap3.utils.conv import escape_filter_chars

from brickyard.access.groups import Person, plain
from brickyard.access.providers import LdapSettings
from brickyard.kit import logs
from brickyard.kit.errors import Unavailable

CONNECT_S = 5
ANSWER_S = 10
MAX_GROUPS = 5000
LONGEST_TYPED = 256
GUID_BYTES = 16

WRONG_PASSWORD = (
    LDAPInvalidCredentialsResult,
    LDAPInappropriateAuthenticationResult,
    LDAPConstraintViolationResult,
    LDAPUnwillingToPerformResult,
)
"""What a directory answers to a wrong password, to one that expired, and where the account has none or is locked."""

Entry = dict[str, Any]
"""As ldap3 has it: `dn`, and `raw_attributes` with a list of bytes for each."""

log = logs.get(__name__)


class LdapDirectory:
    def __init__(self, settings: LdapSettings) -> None:
        self.name = settings.name
        self.label = settings.shown
        self._settings = settings
        self._groups = settings.group_map(ignores_case=True)
        self._tls = _VerifiedTls(settings.tls())

    def check(self, name: str, password: str) -> Person | None:
        """None where nobody is called so, or the password is wrong. Raises Unavailable, and Forbidden by groups."""
        if not _may_be_sent(name) or not _may_be_sent(password):
            return None
        try:
            with self._service() as service:
                entry = self._entry_of(service, name)
                if entry is None or not self._is_password_of(str(entry["dn"]), password):
                    return None
                person = self._person(service, entry)
        except LDAPException as error:
            raise self._away(f"{self._settings.url} answered: {error}") from error
        return self._groups.applied_to(person, self.label)

    @contextmanager
    def _service(self) -> Iterator[Connection]:
        secret = self._settings.bind_password
        password = secret.get_secret_value().encode() if secret is not None else None
        with self._open(self._settings.bind_dn, password) as connection:
            try:
                connection.bind(read_server_info=False)
            except WRONG_PASSWORD as error:
                why = f"it refuses this platform as '{self._settings.bind_dn}': check bind_dn and bind_password_file"
                raise self._away(why) from error
            yield connection

    @contextmanager
    def _open(self, dn: str, password: bytes | None) -> Iterator[Connection]:
        """Passwords go as bytes: as text, ldap3 would rewrite some letters and drop others."""
        server = Server(self._settings.url, tls=self._tls, get_info=NONE, connect_timeout=CONNECT_S)
        connection = Connection(
            server,
            user=dn or None,
            password=password,  # type: ignore[arg-type]  # the stubs know of text alone
            authentication=SIMPLE if dn else ANONYMOUS,
            auto_referrals=False,
            check_names=False,
            read_only=True,
            receive_timeout=ANSWER_S,
            raise_exceptions=True,
        )
        try:
            connection.open(read_server_info=False)
            if self._settings.start_tls and not connection.start_tls(read_server_info=False):
                raise self._away(f"{self._settings.url} does not begin TLS")
            yield connection
        finally:
            with suppress(LDAPException):  # of a connection that broke: why it did is told already
                connection.unbind()

    def _entry_of(self, service: Connection, name: str) -> Entry | None:
        wanted = self._settings.attributes
        query = _filled(self._settings.user_filter, name=name)
        asked = [wanted.subject, wanted.name, wanted.display_name, wanted.email]
        found = self._search(service, self._settings.base_dn, query, asked, at_most=2)
        if len(found) > 1:
            log.warning("ldap.several_entries", directory=self.name, filter=query)
        return found[0] if len(found) == 1 else None

    def _search(self, service: Connection, base: str, query: str, asked: list[str], at_most: int) -> list[Entry]:
        try:
            service.search(base, query, SUBTREE, attributes=asked, size_limit=at_most, time_limit=ANSWER_S)
        except LDAPSizeLimitExceededResult:
            log.warning("ldap.more_than_asked_for", directory=self.name, filter=query, at_most=at_most)
        return [entry for entry in service.response or [] if entry["type"] == "searchResEntry"]

    def _is_password_of(self, dn: str, password: str) -> bool:
        """Whether the directory lets somebody in with it. An empty one would let in everybody: see `_may_be_sent`."""
        try:
            with self._open(dn, password.encode()) as connection:
                return bool(connection.bind(read_server_info=False))
        except WRONG_PASSWORD as error:
            log.info("ldap.refused", directory=self.name, dn=dn, code=error.result, why=plain(error.message))
            return False

    def _person(self, service: Connection, entry: Entry) -> Person:
        wanted = self._settings.attributes
        subject = _subject(_values(entry, wanted.subject), wanted.subject)
        name = plain(_text(entry, wanted.name))
        if not subject or not name:
            lacking = wanted.name if subject else wanted.subject
            raise self._away(f"{entry['dn']} shows no attribute '{lacking}': check attributes, and what may be read")
        return Person(
            provider=self.name,
            subject=subject,
            name=name,
            display_name=plain(_text(entry, wanted.display_name)) or name,
            email=plain(_text(entry, wanted.email)) or None,
            groups=self._groups_of(service, str(entry["dn"]), name),
        )

    def _groups_of(self, service: Connection, dn: str, name: str) -> frozenset[str]:
        if not self._settings.group_filter:
            return frozenset()
        named_by = self._settings.attributes.group
        base = self._settings.group_base_dn or self._settings.base_dn
        query = _filled(self._settings.group_filter, dn=dn, name=name)
        asked = [] if named_by == "dn" else [named_by]
        entries = self._search(service, base, query, asked, MAX_GROUPS)
        groups = (str(entry["dn"]) if named_by == "dn" else _text(entry, named_by) for entry in entries)
        return frozenset(group for group in groups if group)

    def _away(self, why: str) -> Unavailable:
        log.warning("ldap.unavailable", directory=self.name, why=why)
        return Unavailable(f"Nobody can sign in with {self.label} now: {why}.")


class _VerifiedTls(Tls):
    """Python's own TLS checks whose certificate it is, before a byte is sent; ldap3 would do so by itself, later."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)


def _may_be_sent(typed: str) -> bool:
    """Nothing empty: with an empty password a directory lets everybody in, as nobody. Nothing that ends text early."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        return False
    return bool(typed) and len(typed) <= LONGEST_TYPED and "\0" not in typed


def _filled(template: str, **values: str) -> str:
    """With what is in braces put in, in one go: what is put in is never read as a part of the filter."""
    return re.sub(r"\{(name|dn)\}", lambda found: escape_filter_chars(values.get(found[1], "")), template)


def _values(entry: Entry, attribute: str) -> list[bytes]:
    """Names of attributes are the same in capitals."""
    for name, values in entry["raw_attributes"].items():
        if name.lower() == attribute.lower():
            return list(values)
    return []


def _text(entry: Entry, attribute: str) -> str:
    values = _values(entry, attribute)
    return values[0].decode("utf-8", "replace") if values else ""


def _subject(values: list[bytes], attribute: str) -> str:
    """Active Directory tells GUIDs as 16 bytes, of which the first three groups are turned round."""
    if not values:
        return ""
    if attribute.lower() == "objectguid" and len(values[0]) == GUID_BYTES:
        return str(UUID(bytes_le=values[0]))
    return values[0].decode("utf-8", "replace")
