"""One card, 100 people, one day: with the broker, first come first served, and without any. One run, one seed; the
day before, of another seed, is there to learn speeds from.

`lost_to_memory`: recordings and calls that failed because an allocation did. `interactive_p95_wait_s`: from asking to
the first work, while archives fill the card; `chunk_s`: how long a chunk computes, on average. `busy_share`: of the
time in which jobs waited, how much of it something computed. `jain`: fairness of the card's time between five
archivists, as long as each of them had recordings waiting (1 is equal, 0.2 is all for one). `eta_median_error`: the end
that was told at submission against the true one, as a share of the time in between.

What is simulated and what is real is said in simulation.py and platforms.py.
"""

from __future__ import annotations

import statistics
import time

import form
from platforms import PLATFORMS, Learned, Seen
from workday import arrivals

from brickyard.gpu.lease import PriorityClass

SEED = 20


def figures(seen: Seen) -> dict[str, float]:
    waits = sorted(wait for priority, wait in seen.waits if priority is PriorityClass.INTERACTIVE)
    shares = list((seen.shares or {}).values())
    return {
        "lost_to_memory": seen.lost,
        "interactive_p95_wait_s": waits[int(0.95 * len(waits))],
        "chunk_s": statistics.mean(seen.chunks_s),
        "busy_share": seen.busy_s / seen.backlog_s,
        "jain": sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)),
        "eta_median_error": statistics.median(seen.eta_errors),
    }


def main() -> None:
    chosen = form.arguments("the broker's policy on a simulated card")
    size = {"hours": 2.0, "archives": 0.2} if chosen.quick else {}
    before, day = arrivals(SEED - 1, **size), arrivals(SEED, **size)
    found: dict[str, dict[str, float]] = {}
    for prefix, make in PLATFORMS.items():
        since = time.monotonic()
        learned = Learned()
        make(before, SEED - 1, learned).run()
        seen = make(day, SEED, learned).run()
        found[prefix] = figures(seen)
        form.note(
            f"{prefix or 'broker_'}: {seen.done} done, {seen.lost} lost, {seen.ooms} failed allocations, "
            f"{seen.notebooks_lost} notebooks lost, over after {seen.ended_at / 3600:.1f} h; "
            f"simulated in {time.monotonic() - since:.0f} s"
        )
    names = list(found[""])
    form.table(("", "broker", "first come", "no broker"), [(name, *(found[p][name] for p in found)) for name in names])
    form.close("scheduler", {f"{prefix}{name}": value for prefix in found for name, value in found[prefix].items()})


if __name__ == "__main__":
    main()
