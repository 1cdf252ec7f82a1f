"""`brickyard retention`: what is kept how long, and the deletion of what is over."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from brickyard.cli import wiring
from brickyard.echo.retention.service import Outlook, Retention
from brickyard.kit.settings import Settings

app = typer.Typer(no_args_is_help=True, help="How long recordings are kept, and the deletion of what is over.")

PIPED_WIDTH = 160


@app.command()
def report() -> None:
    """When each recording ends and why, the oldest first; then what was deleted, the latest first."""
    retention = _open(Settings())
    table = Table("recording", "owner", "arrived", "ends", "because", "", box=None)
    for each in retention.outlook():
        ends = "never" if each.expiry.at is None else f"{each.expiry.at:%Y-%m-%d %H:%M}"
        because = str(each.expiry.because)
        table.add_row(str(each.recording), each.owner, f"{each.created_at:%Y-%m-%d}", ends, because, _state(each))
    _show(table)
    gone = Table("deleted", "at", "by", "because", "in backups until", box=None)
    for one in retention.deletions(limit=500):
        until = f"{one.backups_until:%Y-%m-%d}"
        gone.add_row(str(one.recording), f"{one.deleted_at:%Y-%m-%d %H:%M}", one.deleted_by, one.reason, until)
    _show(gone)


@app.command()
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be deleted")] = False,
) -> None:
    """Delete what is over, now. The platform does so by itself every hour."""
    retention = _open(Settings())
    if dry_run:
        due = [each.recording for each in retention.outlook() if each.is_due]
        sys.stdout.write("".join(f"{recording} would be deleted\n" for recording in due))
        sys.stdout.write(f"{len(due)} would be deleted.\n")
        return
    deleted = retention.sweep()
    sys.stdout.write("".join(f"{recording} is deleted\n" for recording in deleted))
    sys.stdout.write(f"{len(deleted)} were deleted.\n")


def _open(settings: Settings) -> Retention:
    engine = wiring.running_database(settings)
    master = wiring.master_key(settings)
    files = wiring.recording_files(settings, wiring.vault(settings, engine, master))
    return wiring.retention(settings, engine, files, wiring.audit(engine, master))


def _state(each: Outlook) -> str:
    if each.is_due:
        return "over"
    return "a job works on it" if each.has_work else ""


def _show(table: Table) -> None:
    console = Console()
    (console if console.is_terminal else Console(width=PIPED_WIDTH)).print(table)
