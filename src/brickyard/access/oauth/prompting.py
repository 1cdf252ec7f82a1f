"""Whether a person who is signed in has to sign in once more, since the client asks for it. Pure.

`prompt=login` and `max_age` come back in the same address after the sign-in; so that it ends there, the address gets a
mark with the moment from which on a sign-in counts as new. The mark is not signed: whoever could change it could as
well leave out `prompt`, and a client that relies on it looks at `auth_time`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from brickyard.kit.errors import BadInput

MARK = "signed_in_after"
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
ANEW = frozenset({"login", "select_account"})
DIGITS = 17


@dataclass(frozen=True, slots=True)
class Demand:
    """What a client asks for. `since_us`: the mark, in microseconds since 1970."""

    prompts: frozenset[str] = frozenset()
    max_age_s: int | None = None
    since_us: int | None = None

    @property
    def is_silent(self) -> bool:
        """Nothing may be shown: the person is signed in, or the client hears that not."""
        return "none" in self.prompts

    @property
    def asks_anew(self) -> bool:
        return bool(self.prompts & ANEW) or self.max_age_s is not None


def demand(parameters: Mapping[str, str]) -> Demand:
    """Raises BadInput. Unknown prompts are passed over, as the standard has it."""
    prompts = frozenset(parameters.get("prompt", "").split()) & PROMPTS
    if "none" in prompts and len(prompts) > 1:
        raise BadInput("prompt=none goes with no other prompt.")
    return Demand(prompts, _number(parameters, "max_age"), _number(parameters, MARK))


def is_fresh(wanted: Demand, auth_time: datetime, now: datetime) -> bool:
    """Whether a sign-in at `auth_time` will do."""
    if wanted.since_us is not None and microseconds(auth_time) >= wanted.since_us:
        return True
    if wanted.prompts & ANEW:
        return False
    return wanted.max_age_s is None or (now - auth_time).total_seconds() <= wanted.max_age_s


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > DIGITS:
        raise BadInput(f"{name} has to be a whole number.")
    return int(text)
