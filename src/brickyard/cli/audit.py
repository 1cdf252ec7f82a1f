"""`brickyard audit`: read, export and verify the audit log."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from brickyard.access.actor import OPERATOR, Actor
from brickyard.access.audit import Audit, Filter, entry_of
from brickyard.access.chain import Anchor, Line, Verification, canonical, read_anchor, read_line
from brickyard.access.chain import verify as verify_lines
from brickyard.access.policy import Action
from brickyard.cli import wiring
from brickyard.kit.errors import BadInput, Conflict, NotFound
from brickyard.kit.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The audit log: who did what, when, to what.")

OPERATOR_ACTOR = Actor(OPERATOR, "operator", frozenset(), "command line", "")
PIPED_WIDTH = 180
DAMAGED = 1

AnchorOption = Annotated[Path | None, typer.Option("--anchor", help="a file that `brickyard audit anchor` wrote")]


@app.command()
def verify(
    anchor: AnchorOption = None,
    file: Annotated[Path | None, typer.Option(help="an export, in place of the database; needs the master key")] = None,
    first: Annotated[int, typer.Option("--from", min=1, help="begin with this line; the one before is believed")] = 1,
) -> None:
    """Check every line against its hash and the one before. Ends with 1 where something is wrong, and says what."""
    if file is not None and first > 1:
        raise BadInput("--from is for the log in the database; an export is verified from its first line.")
    settings = Settings()
    known = None if anchor is None else read_anchor(_text_of(anchor))
    if file is None:
        found = _open(settings).verify(first, known)
    else:
        found = verify_lines(_lines_of(file), wiring.master_key(settings).derived("audit"), anchor=known)
    sys.stdout.write(report(found, known))
    if not found.is_good:
        raise typer.Exit(DAMAGED)


@app.command()
def export(
    output: Annotated[Path | None, typer.Option(help="a new file; without it, standard output")] = None,
) -> None:
    """The whole log as JSON lines with their hashes, the oldest first."""
    lines = _opened_to_read("export").lines()
    if output is None:
        _write(sys.stdout.buffer, lines)
        return
    try:
        with output.open("xb") as out:
            count = _write(out, lines)
    except FileExistsError:
        raise Conflict(f"{output} exists already. Name a new file.") from None
    sys.stdout.write(f"{count:,} lines are in {output}.\n")


@app.command("anchor")
def write_anchor(
    file: Annotated[Path, typer.Argument(help="to be kept where nobody who rules over the database gets at it")],
) -> None:
    """Write down where the log ends now: with that it can be seen later that its end was cut off.

    An anchor that is in the file already is checked first, and replaced only where it holds.
    """
    log = _open(Settings())
    if file.exists():
        found = log.verify(anchor=read_anchor(_text_of(file)))
        if found.fault is not None:
            raise Conflict(f"The log does not agree with the anchor in {file}: {found.fault.message} It is left as is.")
    head = log.head()
    if head is None:
        raise NotFound("The audit log is empty: there is nothing to anchor yet.")
    file.write_text(json.dumps(head._asdict()) + "\n", "utf-8")
    sys.stdout.write(f"The log reaches to line {head.seq:,} with the hash {head.hash}.\n")


@app.command()
def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000)] = 20,
    actor: Annotated[str | None, typer.Option(help="id or name of who did it")] = None,
    action: Annotated[str | None, typer.Option(help="such as recording.deleted")] = None,
    about: Annotated[str | None, typer.Option("--object", help="the id of what it was done to")] = None,
) -> None:
    """The last lines, the newest at the end."""
    table = Table("line", "at", "who", "via", "from", "did", "to", "outcome", "details", box=None)
    found = _opened_to_read("tail").page(Filter(actor=actor, action=action, object_id=about), lines)
    for line in reversed(found):
        what = f"{line.object_kind} {line.object_id}".strip()
        details = " ".join(f"{name}={value}" for name, value in line.details.items())
        when = f"{line.at:%Y-%m-%d %H:%M:%S}"
        cells = (line.actor_name, line.via, line.address, line.action, what, line.outcome, details)
        table.add_row(f"{line.seq}", when, *map(_harmless, cells))
    console = Console()
    console = console if console.is_terminal else Console(width=PIPED_WIDTH)
    console.print(table)


def report(found: Verification, anchor: Anchor | None) -> str:
    """What was checked, for people."""
    if found.fault is not None:
        return f"Something is wrong with the audit log. {found.fault.message}\n"
    if found.head is None:
        return "The audit log is empty.\n"
    told = f"All lines from {found.first:,} to {found.head.seq:,} are as they were written.\n"
    if anchor is None:
        return told + "Whether lines are missing at the end, only an anchor tells: `brickyard audit anchor FILE`.\n"
    return told + f"The anchor at line {anchor.seq:,} holds: nothing before it is missing.\n"


def _open(settings: Settings) -> Audit:
    return wiring.audit(wiring.running_database(settings), wiring.master_key(settings))


def _opened_to_read(command: str) -> Audit:
    """That somebody reads the log is recorded in it."""
    log = _open(Settings())
    log.append(entry_of(OPERATOR_ACTOR, Action.AUDIT_READ, details={"command": command}))
    return log


def _write(out: IO[bytes], lines: Iterator[Line]) -> int:
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007  the number of the last one is what is told
        out.write(canonical(line.told()) + b"\n")
    return count


def _lines_of(file: Path) -> Iterator[Line]:
    """Read as they are taken: a log may be larger than memory."""
    try:
        with file.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                yield read_line(text, number)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} can't be read: {error}.") from error


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} can't be read: {error}.") from error


def _harmless(text: str) -> str:
    """Names may hold what a terminal would take for orders."""
    return escape("".join(letter if letter.isprintable() else "?" for letter in text))
