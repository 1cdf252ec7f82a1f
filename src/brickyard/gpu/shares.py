"""How much of a device each user has had: the account behind fair shares.

Start-time fair queueing: who comes back after a while away is set level with the one who has had least among those
who are there, so that nobody saves up a claim by staying away, and nobody pays for a busy yesterday.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

FORGETS_BEYOND = 1000
"""So many users are remembered; those with the smallest claim on memory, who are not there, go first."""


@dataclass
class Shares:
    """`had_s`: seconds of the device by user."""

    had_s: dict[str, float] = field(default_factory=dict)

    def arrives(self, user: str, present: Collection[str]) -> None:
        """`user` asks for something; `present` are those who hold or wait for something already."""
        if user in present:
            return
        level_s = min((self.had_s.get(other, 0.0) for other in present), default=None)
        own_s = self.had_s.get(user, 0.0)
        if level_s is None:
            # Nobody else is there: level with the highest, which is where those who were served last stand.
            level_s = max(self.had_s.values(), default=0.0)
        self.had_s[user] = max(own_s, level_s)
        if len(self.had_s) > FORGETS_BEYOND:
            self._forget({*present, user})

    def charge(self, user: str, seconds: float) -> None:
        self.had_s[user] = self.had_s.get(user, 0.0) + max(0.0, seconds)

    def _forget(self, present: Collection[str]) -> None:
        """Who has had least is set level anyway on coming back, so nothing is lost with the account."""
        away = sorted((had_s, user) for user, had_s in self.had_s.items() if user not in present)
        for _, user in away[: FORGETS_BEYOND // 2]:
            del self.had_s[user]
