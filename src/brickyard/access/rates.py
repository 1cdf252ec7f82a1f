"""How many requests a minute: a bucket that fills steadily. Pure but for what it remembers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Holds a minute's requests, `per_minute`; each takes one. Time is in seconds of any steady clock."""

    per_minute: int
    left: float
    at_s: float

    def take(self, now_s: float) -> float:
        """0 where the request may pass, else the seconds until one more may; that one takes nothing."""
        self.left = min(float(self.per_minute), self.left + (now_s - self.at_s) * self.per_minute / 60)
        self.at_s = now_s
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) * 60 / self.per_minute


def full(per_minute: int, now_s: float) -> Bucket:
    return Bucket(per_minute, float(per_minute), now_s)
