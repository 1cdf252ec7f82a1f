"""Three models share one card under the product's broker: speed, memory held against memory leased, and what happens
when there is none left. At most eight minutes, no network, random weights.

    python bench/gpu.py                on a machine with an NVIDIA card, PyTorch and transformers
    python bench/gpu.py --device cpu   the same code on tiny models and a simulated card; its figures mean nothing

Where there is no card, it is the second unless `--device cuda` forbids that.

`x_realtime_*`: seconds of audio a second, each model alone and while all three compute. `held_over_leased`: what the
card says that all three hold at their peak, over what they have leased at theirs; up to 1 the leases tell the truth.
`lease_p99_ms`: from asking to the grant through the socket; `lease_share_*`: its median against a chunk of a minute.
`ooms` and `rung_*`: allocations that failed, most of them provoked, and what was done about them. `jobs_lost`: jobs
that failed, which is to be none. `finished` is 0 where the run broke off.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import form
import gpu_parts
import gpu_report
from gpu_card import SIZE_MIB, first_card, simulating
from gpu_children import Plan
from gpu_models import runtime
from gpu_parts import FULL, QUICK, Scene
from gpu_tenants import environment, hog, serving

from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices.cuda import CudaDevice
from brickyard.kit import logs
from brickyard.kit.errors import BrickyardError, Unavailable

LIMIT_S = 460.0
NOT_A_CARD = (
    f"!!! NO CARD WAS USED: tiny models on a CPU, and a simulated card of {SIZE_MIB} MiB. This run shows that the\n"
    "!!! script works. NOT ONE OF ITS FIGURES SAYS ANYTHING ABOUT A CARD: do not publish or compare them."
)


def main() -> None:
    chosen = _arguments()
    logs.configure("bench", "ERROR", json_lines=False)
    try:
        runtime()
        card = _card(chosen.device)
    except BrickyardError as error:
        sys.exit(error.message)
    title = NOT_A_CARD if card is None else f"{card.model()}, {card.total_mib()} MiB"
    print(title, flush=True)
    times = QUICK if chosen.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder, ExitStack() as stack:
        plan = Plan(simulated=card is None, folder=Path(folder), pass_s=times.batch)
        (plan.folder / "plan.json").write_text(plan.model_dump_json())
        if card is None:
            stack.enter_context(simulating(plan.card))
        scene = Scene(plan, times, plan.machine(), BrokerClient(plan.broker, "bench"))
        began = time.monotonic()
        try:
            asyncio.run(_limited(scene, environment(card.uuid() if card else None)))
        except (BrickyardError, TimeoutError) as error:
            form.note(f"BROKEN OFF: {error!r}")
        finally:  # whatever happened, what was found before is not lost
            gpu_report.show(scene, time.monotonic() - began, title)
            if chosen.logs is not None:
                shutil.copytree(plan.folder / "logs", chosen.logs, dirs_exist_ok=True)
    sys.exit(0 if scene.finished else 1)


def _card(device: str | None) -> CudaDevice | None:
    """None where there is none, unless it was asked for."""
    if device == "cpu":
        return None
    try:
        return first_card()
    except Unavailable:
        if device == "cuda":
            raise
        return None


async def _limited(scene: Scene, env: dict[str, str]) -> None:
    async with asyncio.timeout(LIMIT_S), scene.client:
        await _measure(scene, env)
    scene.finished = True


async def _measure(scene: Scene, env: dict[str, str]) -> None:
    plan, began = scene.plan, time.monotonic()

    def note(text: str) -> None:
        form.note(f"{time.monotonic() - began:5.0f} s  {text}")

    note("each model alone in a process: memory and speed by batch size, loading")
    scene.profiles = await gpu_parts.profile(plan, env)
    note("starting the broker and three bricks")
    with serving(plan, env) as supervisor:
        scene.supervisor = supervisor
        note("leases")
        await gpu_parts.lease_costs(scene)
        note("loading all three")
        await gpu_parts.warm(scene)
        note("one after another")
        await gpu_parts.alone(scene)
        note("all three at once")
        await gpu_parts.together(scene)
        note("out of memory, on purpose")
        async with hog(plan, env) as somebody:
            await gpu_parts.out_of_memory(scene, somebody)
        note("done")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="three models on one card, under the broker")
    parser.add_argument("--quick", action="store_true", help="a shorter run")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="cpu: no figures, only the code")
    parser.add_argument("--logs", type=Path, help="folder to keep the logs of all processes in")
    return parser.parse_args()


if __name__ == "__main__":
    main()
