"""Pages of a long list: each says where the next one begins, so that what comes and goes meanwhile shifts nothing."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from brickyard.kit.errors import BadInput

Place = datetime | float | str


@dataclass(frozen=True, slots=True)
class Order:
    """`kind`: the SQL type of what `by` gives."""

    by: str
    kind: str
    descends: bool

    @property
    def way(self) -> str:
        return "DESC" if self.descends else "ASC"

    @property
    def beyond(self) -> str:
        """What is true of a row that comes later."""
        return "<" if self.descends else ">"


def cursor(sort: str, place: str, identity: object) -> str:
    """For the page that follows a row with this `place` in the order."""
    said = json.dumps([sort, place, str(identity)]).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def begins_after(after: str, sort: str, kind: str) -> tuple[Place, UUID]:
    """Where the page before has ended: what was sorted by, and the recording.

    Raises BadInput where `after` is no `next` of such a page.
    """
    try:
        said, place, identity = json.loads(base64.urlsafe_b64decode(after + "=="))
        if said != sort:
            raise ValueError
        return _read(str(place), kind), UUID(identity)
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise BadInput(
            "after: this is no `next` of a page with this sort. Begin without it, and keep filters and sort the same."
        ) from None


def _read(place: str, kind: str) -> Place:
    """Raises ValueError for what the database would not take."""
    if kind == "timestamptz":
        return datetime.fromisoformat(place)
    if kind == "float8":
        return float(place)
    if "\0" in place:
        raise ValueError
    return place.encode().decode()
