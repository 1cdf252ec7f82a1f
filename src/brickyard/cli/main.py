"""The commands. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import asyncio
import ctypes
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import sqlalchemy as sa
import typer
import uvicorn
from fastapi import FastAPI
from prometheus_client import start_http_server
from pydantic import ValidationError
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from brickyard import __version__
from brickyard.access.master import MasterKey
from brickyard.cli import audit as audit_commands
from brickyard.cli import bricks as brick_wiring
from brickyard.cli import card as card_view
from brickyard.cli import clients as clients_commands
from brickyard.cli import demo as demonstration
from brickyard.cli import doctor as examination
from brickyard.cli import egress as egress_view
from brickyard.cli import evidence as evidence_commands
from brickyard.cli import keys as keys_commands
from brickyard.cli import models as model_commands
from brickyard.cli import permissions, progress, web, wiring
from brickyard.cli import plan as planning
from brickyard.cli import retention as retention_commands
from brickyard.cli import users as users_commands
from brickyard.cli.remote import Remote
from brickyard.cli.up import free_port, running
from brickyard.gpu.sync import SyncBrokerClient
from brickyard.kit import egress, logs
from brickyard.kit.destinations import Allowed
from brickyard.kit.errors import BadInput, BrickyardError
from brickyard.kit.metrics import registry
from brickyard.kit.offline import stay_offline
from brickyard.kit.processes import end_with_parent
from brickyard.kit.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
jobs_app = typer.Typer(help="Jobs and queues of a running platform.", invoke_without_command=True)
app.add_typer(jobs_app, name="jobs")
app.add_typer(keys_commands.app, name="keys")
app.add_typer(model_commands.app, name="models")
app.add_typer(users_commands.app, name="users")
app.add_typer(clients_commands.app, name="clients")
app.add_typer(audit_commands.app, name="audit")
app.add_typer(evidence_commands.app, name="evidence")
app.add_typer(retention_commands.app, name="retention")

DEMO_STAYS_S = 60.0
GPU_EVERY_S = 0.5
PIPED_WIDTH = 140
UUID_LETTERS = 36
PR_SET_PDEATHSIG = 1

err = Console(stderr=True, highlight=False)
log = logs.get(__name__)


class Format(StrEnum):
    json = "json"
    srt = "srt"
    vtt = "vtt"
    txt = "txt"


def main() -> None:
    try:
        app()
    except BrickyardError as error:
        err.print(f"[red]{error.code}[/red]: {error.message}", soft_wrap=True)
        sys.exit(1)
    except ValidationError as error:
        for wrong in error.errors():
            name = "_".join(str(part) for part in wrong["loc"]).upper().removeprefix("BRICKYARD_")
            err.print(f"[red]bad setting[/red]: BRICKYARD_{name}={wrong['input']}: {wrong['msg']}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


# ---- for people


@app.command()
def up() -> None:
    """Run the whole platform on this machine until Ctrl-C."""
    settings = Settings()
    _stop_on_signals()
    logs.configure("up", settings.log_level)
    with running(settings, lambda what: err.print(f"{what} …")) as platform:
        err.print(
            f"Brickyard {__version__} is ready at {settings.address}. Logs: {settings.logs_dir}. Ctrl-C stops it."
        )
        if platform.first_link:
            err.print(f"Make the first administrator here, within a day: {platform.first_link}", soft_wrap=True)
        while True:
            time.sleep(1)


@app.command()
def demo(
    keep: Annotated[
        float | None, typer.Option(help="seconds to stay up at the end; until Ctrl-C on a terminal, else 60")
    ] = None,
    output: Annotated[Path, typer.Option(help="where the subtitles go")] = Path("demo-output"),
) -> None:
    """Start a platform in a temporary folder, transcribe a real recording, and show the result."""
    _stop_on_signals()
    _die_with_parent()
    if keep is None and not sys.stdout.isatty():
        keep = DEMO_STAYS_S
    demonstration.run(Settings(), keep, output)


@app.command()
def transcribe(
    file: Annotated[Path, typer.Argument(help="audio or video")],
    form: Annotated[Format, typer.Option("--format", help="of the result on standard output")] = Format.txt,
    language: Annotated[str | None, typer.Option(help="ISO 639-1, e.g. en")] = None,
    speakers: Annotated[int | None, typer.Option(help="how many there are, if known")] = None,
    diarize: Annotated[bool, typer.Option(help="tell speakers apart")] = True,
) -> None:
    """Transcribe a file on the running platform, or on a temporary one that is started and stopped."""
    if not file.is_file():
        raise BadInput(f"There is no file {file}.")
    _stop_on_signals()
    with _some_platform() as remote:
        submitted = remote.upload(file, language=language, speakers=speakers, diarize=diarize)
        job = progress.follow(remote.follow(submitted["job"]))
        _check_ended_well(job)
        for warning in job["warnings"]:
            err.print(f"[yellow]warning[/yellow]: {warning}", soft_wrap=True)
        recording = submitted["recording"]["id"]
        if form is Format.json:
            sys.stdout.write(json.dumps(_brief(remote.transcript(recording)), ensure_ascii=False, indent=1) + "\n")
        else:
            sys.stdout.write(remote.transcript_as(recording, form.value))


@jobs_app.callback()
def jobs(
    context: typer.Context,
    state: Annotated[list[str] | None, typer.Option(help="only these states, e.g. failed")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 30,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """The newest jobs, where they stand and how fast they go."""
    if context.invoked_subcommand:
        return
    found = _remote().jobs(state or [], limit)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    table = Table(
        Column("job", no_wrap=True, min_width=UUID_LETTERS),
        "state",
        "progress",
        "position",
        "left",
        "speed",
        "attempts",
        "why",
        box=None,
    )
    for job in found:
        table.add_row(*_row(job))
    _console().print(table)


@jobs_app.command()
def pause(job: str) -> None:
    """Pause a job; a running one pauses at its next chunk."""
    _say_state(_remote().act(job, "pause"))


@jobs_app.command()
def resume(job: str) -> None:
    """Let a paused job go on."""
    _say_state(_remote().act(job, "resume"))


@jobs_app.command()
def cancel(job: str) -> None:
    """Cancel a job; a running one stops at its next chunk."""
    _say_state(_remote().act(job, "cancel"))


@jobs_app.command()
def replay(job: str) -> None:
    """Give a failed job all its attempts again."""
    _say_state(_remote().act(job, "replay"))


@jobs_app.command()
def queues() -> None:
    """Queues with their limits, and how many jobs are in each state."""
    table = Table("queue", "state", "weight", "at once", "rate", "jobs", box=None)
    for queue in _remote().queues():
        counts = ", ".join(f"{n} {state}" for state, n in queue["jobs"].items())
        rate = f"{queue['starts']} in {queue['per_s']:g} s" if queue["starts"] else "–"
        state = "paused" if queue["paused"] else "open"
        table.add_row(queue["name"], state, f"{queue['weight']:g}", str(queue["running_jobs"] or "–"), rate, counts)
    _console().print(table)


@jobs_app.command("pause-queue")
def pause_queue(name: str) -> None:
    """Start no job of a queue any more; those that run go on."""
    _remote().set_queue_paused(name, True)


@jobs_app.command("resume-queue")
def resume_queue(name: str) -> None:
    """Start jobs of a paused queue again."""
    _remote().set_queue_paused(name, False)


@app.command()
def doctor(
    *,
    outwards: Annotated[bool, typer.Option("--egress", help="what could leave this machine, instead")] = False,
    watch: Annotated[float, typer.Option(min=0, help="with --egress: seconds to watch connections for")] = 0.0,
    compose: Annotated[list[Path] | None, typer.Option(help="with --egress: a compose file; repeatable")] = None,
) -> None:
    """What is missing here, and how to mend it."""
    settings = Settings()
    if outwards and watch:
        findings = egress_view.watch_egress(settings, watch, also=settings.reachable_hosts)
    elif outwards:
        findings = egress_view.examine_egress(settings, compose or [], also=settings.reachable_hosts)
    else:
        findings = examination.examine(settings)
    table = Table("", "what", "seen", "what to do", box=None)
    for finding in findings:
        mark = (
            "[green]ok[/green]" if finding.good else "[red]missing[/red]" if finding.needed else "[yellow]look[/yellow]"
        )
        table.add_row(mark, finding.what, finding.seen, "" if finding.good else finding.mend)
    Console(soft_wrap=True).print(table)
    if any(finding.needed and not finding.good for finding in findings):
        raise typer.Exit(1)


@app.command()
def gpu(
    as_json: Annotated[bool, typer.Option("--json", help="once, for programs")] = False,
    watch: Annotated[bool, typer.Option(help="keep showing, until Ctrl-C; what a terminal does by itself")] = False,
) -> None:
    """The broker's devices: who holds what, who waits, what is fragmented, what ran out of memory."""
    settings = Settings()
    logs.configure("gpu", "WARNING")
    address, token = settings.broker_address, settings.broker_token
    with SyncBrokerClient(address, "brickyard gpu", patience_s=2.0, token=token) as client:
        if as_json:
            sys.stdout.write(json.dumps(client.status(), indent=1) + "\n")
        elif not watch and not sys.stdout.isatty():
            _console().print(card_view.view(client.status()))
        else:
            with Live(card_view.view(client.status()), screen=True, auto_refresh=False) as live:
                while True:
                    time.sleep(GPU_EVERY_S)
                    live.update(card_view.view(client.status()), refresh=True)


@app.command()
def plan(
    *,
    card: Annotated[
        str | None, typer.Option(help=f"{', '.join(planning.CARDS)}, cpu, or MiB; else what this host has")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="a memory profile or an installed model; repeatable")] = None,
    pin: Annotated[list[str] | None, typer.Option(help="a model that has to stay loaded; repeatable")] = None,
    hours_a_day: Annotated[float, typer.Option(min=0, max=1_000_000, help="hours of audio wanted a day")] = 100,
    notebooks: Annotated[int | None, typer.Option(min=0, help="reserved shares of 20,000 MiB")] = None,
    split: Annotated[str | None, typer.Option(help="parts of a divided card, MiB,MiB,…")] = None,
    reserve: Annotated[int | None, typer.Option(min=0, help="MiB kept free for peaks")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="models that compute at the same time")] = 2,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What fits on a card, at which batch sizes, how much audio that does in a day, and why."""
    logs.configure("plan", "WARNING")
    wish = planning.Wish(
        card=card,
        models=model or [],
        pinned=pin or [],
        hours_a_day=hours_a_day,
        notebooks=notebooks,
        split_mib=planning.sizes(split),
        reserve_mib=reserve,
        at_once=at_once,
    )
    planned = planning.make(wish, Settings())
    if as_json:
        sys.stdout.write(json.dumps(planning.as_json(planned), indent=1) + "\n")
        return
    planning.show(planned, Console(highlight=False))


@app.command("permissions")
def show_permissions() -> None:
    """Who may do what: every role, every action, every route, as Markdown."""
    logs.configure("permissions", "ERROR")
    sys.stdout.write(permissions.tables(_app_alone()))


@app.command("openapi")
def show_openapi() -> None:
    """The API of the web process as OpenAPI 3.1, in JSON; the same as /api/v1/openapi.json."""
    logs.configure("openapi", "ERROR")
    sys.stdout.write(json.dumps(_app_alone().openapi(), indent=1) + "\n")


def _app_alone() -> FastAPI:
    """The web application as it is, with nothing behind it."""
    nowhere = sa.create_engine("postgresql+psycopg://")
    with tempfile.TemporaryDirectory() as home:
        return web.application(Settings(home=Path(home), sign_in_file=None), nowhere, MasterKey([bytes(32)]))


@app.command()
def version() -> None:
    """The version of this program."""
    sys.stdout.write(__version__ + "\n")


# ---- single processes, as `brickyard up` and the containers run them


@app.command()
def migrate() -> None:
    """Bring the database named by DATABASE_URL to this version's schema."""
    wiring.migrate(Settings())


@app.command()
def serve() -> None:
    """The web process: the app and the API."""
    settings = _begin("serve")
    application = web.web(settings)
    # Uploads are parsed into temporary files: they belong on the disk that has room for recordings.
    tempfile.tempdir = str(settings.files_dir)
    _serve(application, host=settings.host, port=settings.port, forwarded_allow_ips=settings.trusted_proxies)


@app.command()
def brick(name: Annotated[str, typer.Argument(help=" or ".join(brick_wiring.BRICKS))]) -> None:
    """A brick, on its local socket."""
    settings = _begin(f"brick-{name}")
    # On a card untried yet: what drivers and their libraries open there was not looked at.
    _without_network(settings, needs_it=name == "llm" or settings.device != "cpu")
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _serve(brick_wiring.brick(name, settings), uds=str(settings.brick_socket(name)))


@app.command()
def work() -> None:
    """A worker: runs jobs."""
    settings = _begin("work")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, settings.host, registry=registry)
    wiring.work(settings, stop)


@app.command()
def broker() -> None:
    """The broker of this host's memory."""
    settings = _begin("broker")
    _without_network(settings, needs_it=settings.broker_listen is not None)
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(wiring.broker(settings))


def _without_network(settings: Settings, needs_it: bool) -> None:
    """For processes that talk over local sockets alone: the kernel opens no others for them any more."""
    if not needs_it and isinstance(settings.broker_address, Path) and not stay_offline():
        log.warning("this kernel or container lets no process filter its own calls")


def _begin(process: str) -> Settings:
    settings = Settings()
    logs.configure(process, settings.log_level)
    if settings.supervised:
        end_with_parent()
    egress.install(Allowed.of(settings, settings.reachable_hosts))
    return settings


def _serve(application: FastAPI, **where: Any) -> None:
    uvicorn.run(application, log_config=None, access_log=False, timeout_graceful_shutdown=3, **where)


# ---- how


def _console() -> Console:
    """Wide enough for whole tables where the output is not a terminal, whose width would be a guess."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def _remote() -> Remote:
    return Remote.of(Settings())


@contextmanager
def _some_platform() -> Iterator[Remote]:
    settings = Settings()
    remote = Remote.of(settings)
    if remote.is_there():
        yield remote
        return
    with tempfile.TemporaryDirectory(prefix="brickyard-", ignore_cleanup_errors=True) as folder:
        own = settings.model_copy(update={"home": Path(folder), "database_url": None, "port": free_port()})
        with running(own, lambda what: err.print(f"{what} …")) as platform:
            yield Remote.of(platform.settings)


def _check_ended_well(job: dict[str, Any]) -> None:
    if job["state"] == "succeeded":
        return
    problem = job["error"] or {"code": job["state"], "message": "it was stopped by somebody"}
    raise BrickyardError(f"The job ended as {job['state']}: {problem['message']}")


def _brief(transcript: dict[str, Any]) -> dict[str, Any]:
    keys = ("start", "end", "speaker", "text")
    segments = [{key: segment[key] for key in keys} for segment in transcript["segments"]]
    return {"duration": transcript["duration"], "language": transcript["language"], "segments": segments}


def _row(job: dict[str, Any]) -> list[str]:
    left = "" if job["eta_s"] is None else f"{job['eta_s']:.0f} s"
    speed = "" if job["x_realtime"] is None else f"{job['x_realtime']:.1f} ×"
    why = job["error"]["message"] if job["error"] else "; ".join(job["warnings"])
    return [
        job["id"],
        job["state"] if not job["wanted"] else f"{job['state']}, to {job['wanted']}",
        f"{job['progress']:.0%}",
        str(job["position"] or ""),
        left,
        speed,
        str(job["attempts"]),
        why,
    ]


def _say_state(job: dict[str, Any]) -> None:
    asked = f", asked to {job['wanted']}" if job["wanted"] else ""
    err.print(f"The job is {job['state']}{asked}.")


def _stop_on_signals() -> None:
    """SIGTERM and SIGHUP end the program as Ctrl-C does, also in the background: what was started is stopped first."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    handler: Callable[[int, FrameType | None], None] = stop
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def _die_with_parent() -> None:
    """Where the kernel can do it: end when whoever started this, make for one, is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
