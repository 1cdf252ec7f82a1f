"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for when it is lost."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

import pyotp
import segno
import sqlalchemy as sa

from brickyard.access.master import MasterKey
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, Conflict

ISSUER = "Brickyard"
STEP_S = 30
STEPS_ASIDE = 1
"""A code is good for one step before and after its own: clocks differ."""
DIGITS = 6
RECOVERY_CODES = 8
RECOVERY_BYTES = 10
"""80 random bits: a plain digest of so many cannot be tried out."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: `uri` as text, `svg` the same as QR code. Both hold the secret."""

    uri: str = field(repr=False)
    svg: str = field(repr=False)


class SecondFactor:
    def __init__(self, engine: sa.Engine, master: MasterKey, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._master = master
        self._clock = clock

    def begin(self, user_id: str, name: str) -> Enrolment:
        """A new secret, of no effect until a code of it confirms it. Raises Conflict where one is in use already."""
        secret = pyotp.random_base32()
        query = sa.text("""
            UPDATE users SET totp_secret = :sealed, totp_last_step = NULL
            WHERE id = :user AND totp_confirmed_at IS NULL RETURNING id""")
        values = {"sealed": self._master.wrap(secret.encode(), _about(user_id)), "user": user_id}
        with self._engine.begin() as connection:
            if connection.execute(query, values).one_or_none() is None:
                raise Conflict("A second factor is in use already. Remove it first, then set up another one.")
        uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
        return Enrolment(uri, segno.make(uri, error="m").svg_inline(scale=4, border=2))

    def confirm(self, user_id: str, code: str, connection: sa.Connection) -> list[str]:
        """From now on codes are needed. Returns the recovery codes, which are shown this once.

        Raises BadInput where the code is wrong, Conflict where nothing was begun or all is confirmed already.
        """
        row = self._row(connection, user_id)
        if row.totp_secret is None or row.totp_confirmed_at is not None:
            raise Conflict("There is no second factor that waits to be confirmed. Begin to set one up.")
        step = _step_of(code, self._secret(user_id, row.totp_secret), self._clock())
        if step is None:
            raise BadInput("That is not the code of this moment. Check the time of your device, and type the next one.")
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        query = sa.text("""
            UPDATE users SET totp_confirmed_at = :now, totp_last_step = :step, recovery_codes = :digests
            WHERE id = :user""")
        digests = [_digest(user_id, one) for one in codes]
        connection.execute(query, {"now": self._clock(), "step": step, "digests": digests, "user": user_id})
        return codes

    def check(self, user_id: str, code: str) -> bool:
        """Whether it is a code of this moment or a recovery code; either works once, also when shown twice at once."""
        with self._engine.begin() as connection:
            row = self._row(connection, user_id)
            if row.totp_secret is None or row.totp_confirmed_at is None:
                return False
            step = _step_of(code, self._secret(user_id, row.totp_secret), self._clock())
            if step is None:
                return _use_recovery_code(connection, user_id, code)
            query = sa.text("""
                UPDATE users SET totp_last_step = :step
                WHERE id = :user AND (totp_last_step IS NULL OR totp_last_step < :step) RETURNING id""")
            return connection.execute(query, {"step": step, "user": user_id}).one_or_none() is not None

    def _row(self, connection: sa.Connection, user_id: str) -> sa.Row[tuple[bytes | None, datetime | None]]:
        query = sa.text("SELECT totp_secret, totp_confirmed_at FROM users WHERE id = :user FOR UPDATE")
        return connection.execute(query, {"user": user_id}).one()

    def _secret(self, user_id: str, sealed: bytes) -> str:
        return self._master.unwrap(sealed, _about(user_id)).decode()


def remove(connection: sa.Connection, user_id: str) -> bool:
    """The second factor and its recovery codes are gone. Whether there was one."""
    query = sa.text("""
        UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = NULL, recovery_codes = '{}'
        FROM (SELECT id, totp_confirmed_at FROM users WHERE id = :user FOR UPDATE) AS before
        WHERE users.id = before.id RETURNING before.totp_confirmed_at""")
    return connection.execute(query, {"user": user_id}).scalar_one_or_none() is not None


def _step_of(code: str, secret: str, now: datetime) -> int | None:
    """The time step whose code it is, near `now`; None where it is none. Every step is compared, and in full."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdecimal() and len(digits) == DIGITS):
        return None
    totp = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S)
    middle = int(now.timestamp()) // STEP_S
    steps = range(middle - STEPS_ASIDE, middle + STEPS_ASIDE + 1)
    right = [step for step in steps if secrets.compare_digest(totp.generate_otp(step), digits)]
    return right[-1] if right else None


def _use_recovery_code(connection: sa.Connection, user_id: str, code: str) -> bool:
    query = sa.text("""
        UPDATE users SET recovery_codes = array_remove(recovery_codes, :digest)
        WHERE id = :user AND :digest = ANY (recovery_codes) RETURNING id""")
    values = {"digest": _digest(user_id, code), "user": user_id}
    return connection.execute(query, values).one_or_none() is not None


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[k : k + 4] for k in range(0, len(text), 4))


def _digest(user_id: str, code: str) -> bytes:
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(f"recovery:{user_id}:{plain}".encode()).digest()


def _about(user_id: str) -> str:
    return f"totp:{user_id}"
