"""What `brickyard up` prepares for whoever runs the platform on this machine: the master key, and a key of its own."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from brickyard.access import keys
from brickyard.access.actor import OPERATOR
from brickyard.access.keys import NewKey, Scope
from brickyard.access.links import Links, Purpose
from brickyard.access.master import MasterKey
from brickyard.kit.settings import Settings

KEY_NAME = "command line of this machine"


def prepare(settings: Settings, engine: sa.Engine) -> MasterKey:
    """The master key, made at the first start, and a fresh key of the operator in `run_dir`; the one before is void."""
    master = first_master_key(settings, engine)
    keys.forget(engine, OPERATOR, KEY_NAME)
    key, _ = keys.create(engine, NewKey(KEY_NAME, OPERATOR, scopes=tuple(Scope), is_admin=True, priority="interactive"))
    _write(settings.operator_key_file, key)
    return master


def first_master_key(settings: Settings, engine: sa.Engine) -> MasterKey:
    """Raises NotFound where something was sealed already and the file is gone: a new key would open none of it."""
    path = settings.master_key
    if path.exists() or _has_sealed(engine):
        return MasterKey.load(path)
    return MasterKey.create(path)


def first_administrator_link(settings: Settings, engine: sa.Engine) -> str | None:
    """None where somebody administers already."""
    links = Links(engine)
    if not links.first_administrator_is_wanted():
        return None
    return link(settings, Purpose.FIRST_ADMINISTRATOR, links.make(Purpose.FIRST_ADMINISTRATOR))


def sign_in_link(settings: Settings, engine: sa.Engine, valid_for: timedelta) -> str:
    """Opens the app as the operator, once."""
    return link(settings, Purpose.SIGN_IN, Links(engine).make(Purpose.SIGN_IN, OPERATOR, valid_for))


def link(settings: Settings, purpose: Purpose, token: str) -> str:
    """The token stands behind a #: browsers send that to no server, so it is in no log."""
    return f"{settings.address}/signin#link={token}&purpose={purpose}"


def _has_sealed(engine: sa.Engine) -> bool:
    query = sa.text("""
        SELECT EXISTS (SELECT FROM secrets) OR EXISTS (SELECT FROM recordings WHERE wrapped_key IS NOT NULL)""")
    with engine.connect() as connection:
        return bool(connection.execute(query).scalar_one())


def _write(path: Path, key: str) -> None:
    """Readable by this user alone, from the first moment on."""
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    part.replace(path)
