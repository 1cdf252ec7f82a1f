"""The tables and figures of bench/gpu.py, from whatever was measured."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping

import form
from gpu_models import BATCHES, parameters
from gpu_parts import SMALL_CHUNK_WINDOWS, Oom, Scene
from gpu_tenants import Peak, Ran

from brickyard.bricks.ladder import Rung

Figures = dict[str, float | None]


def show(scene: Scene, took_s: float, title: str) -> None:
    _models(scene)
    for what, values in (
        ("Working memory by batch size: what the runtime holds more at its peak, MiB", "working"),
        ("Of that in use, MiB", "live"),
        ("× real time by batch size, without leases", "x_realtime"),
    ):
        print(f"\n{what}")
        rows: list[tuple[object, ...]] = [
            (name, *_by_batch(found.model_dump()[values])) for name, found in scene.profiles.items()
        ]
        form.table(("model", *map(str, BATCHES)), rows)
    _tenants(scene)
    _card(scene)
    _trouble(scene.ooms)
    print(f"\n{title}")
    ends: Figures = {"took_s": took_s, "finished": scene.finished, "simulated": scene.plan.simulated}
    form.close("gpu", {**_speeds(scene), **_memory(scene), **_leases(scene), **_losses(scene), **ends})


# ---- tables


def _models(scene: Scene) -> None:
    print("\nModels: memory in MiB, loading in s from locked RAM and from a file that nobody has read yet")
    head = ("model", "parameters", "published", "weights", "context", "from RAM", "from disk", "batch chosen")
    rows: list[tuple[object, ...]] = []
    for name, found in scene.profiles.items():
        setup = scene.plan.setups[name]
        counts = (parameters(setup), setup.published or None)
        rows.append(
            (name, *counts, found.weights_mib, found.context_mib, found.pinned_s, found.disk_s, scene.batch(name))
        )
    form.table(head, rows)


def _tenants(scene: Scene) -> None:
    print("\nUnder leases: × real time alone and all three at once, and the memory at its peaks meanwhile, MiB:")
    print("held as the card tells, and as the runtime tells without its context; in use; leased with the context")
    alone, together = _by_tenant(scene.alone), _by_tenant(scene.together)
    rows: list[tuple[object, ...]] = []
    for ran in scene.together:
        peak = scene.watch.by_tenant.get(ran.tenant, Peak())
        told = (
            (max(done.held_mib for done in ran.done), max(done.live_mib for done in ran.done)) if ran.done else ("", "")
        )
        rows.append((ran.tenant, alone.get(ran.tenant), ran.x_realtime, peak.held, *told, peak.leased, peak.ratio))
    peak = scene.watch.together
    rows.append(("all", None, _sum(together), peak.held, None, None, peak.leased, peak.ratio))
    form.table(("model", "alone", "at once", "held", "by runtime", "in use", "leased", "held/leased"), rows)


def _card(scene: Scene) -> None:
    print("\nThe card while all three compute, and the broker")
    figures = {**_readings(scene), **_leases(scene)}
    form.table(("what", "figure"), list(figures.items()))


def _trouble(ooms: list[Oom]) -> None:
    print("\nOut of memory, on purpose")
    rows: list[tuple[object, ...]] = []
    for oom in ooms:
        done = ", ".join(f"{rung} {count}" for rung, count in oom.rungs.items())
        chunks, lost = sum(len(ran.done) for ran in oom.ran), sum(bool(ran.lost) for ran in oom.ran)
        rows.append((oom.what, chunks, len(oom.ran), lost, round(oom.took_s, 1), done or "nothing failed"))
    form.table(("what happens", "chunks", "jobs", "lost", "s", "what was done about failed allocations"), rows)


# ---- figures


def _speeds(scene: Scene) -> Figures:
    alone, together = _by_tenant(scene.alone), _by_tenant(scene.together)
    by_model: Figures = {f"x_realtime_alone_{_key(name)}": x for name, x in alone.items()}
    by_model |= {f"x_realtime_together_{_key(name)}": x for name, x in together.items()}
    return {**by_model, "x_realtime_together": _sum(together)}


def _memory(scene: Scene) -> Figures:
    ratios: Figures = {f"held_over_leased_{_key(name)}": it.ratio for name, it in scene.watch.by_tenant.items()}
    return {**ratios, "held_over_leased": scene.watch.together.ratio, **_readings(scene)}


def _readings(scene: Scene) -> Figures:
    watts, busy = scene.watch.watts, scene.watch.busy_percent
    return {
        "power_mean_w": statistics.mean(watts) if watts else None,
        "power_max_w": max(watts, default=None),
        "utilisation_mean_percent": statistics.mean(busy) if busy else None,
    }


def _leases(scene: Scene) -> Figures:
    waits = sorted(scene.leases_s)
    if not waits:
        return {}
    median_s = waits[len(waits) // 2]
    figures: Figures = {"lease_p50_ms": 1000 * median_s, "lease_p99_ms": 1000 * waits[int(0.99 * len(waits))]}
    for name, found in scene.profiles.items():
        if x_realtime := found.x_realtime.get(SMALL_CHUNK_WINDOWS):
            chunk_s = SMALL_CHUNK_WINDOWS * scene.plan.setups[name].window_s / x_realtime
            figures[f"lease_share_{_key(name)}"] = median_s / chunk_s
    return figures


def _losses(scene: Scene) -> Figures:
    rungs: Counter[str] = sum((Counter(oom.rungs) for oom in scene.ooms), Counter())
    by_rung: Figures = {f"rung_{rung.value.replace(' ', '_')}": rungs[rung] for rung in Rung}
    return {"ooms": rungs.total(), **by_rung, "jobs": len(scene.ran), "jobs_lost": sum(bool(r.lost) for r in scene.ran)}


def _by_tenant(ran: list[Ran]) -> dict[str, float]:
    return {each.tenant: each.x_realtime for each in ran}


def _by_batch(values: Mapping[int, float]) -> list[float | None]:
    return [values.get(batch) for batch in BATCHES]


def _sum(values: Mapping[str, float]) -> float | None:
    return sum(values.values()) if values else None


def _key(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")
