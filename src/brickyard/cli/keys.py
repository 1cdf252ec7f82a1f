"""`brickyard keys`: who may call the shared APIs."""

from __future__ import annotations

import sys
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from brickyard.access import keys, usage
from brickyard.access.keys import SHARED_APIS, ApiKey, NewKey, Scope
from brickyard.access.people import People
from brickyard.cli import users, wiring
from brickyard.kit.clock import utc_now
from brickyard.kit.errors import NotFound
from brickyard.kit.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Keys for programs: for the shared APIs, and for recordings.")

PIPED_WIDTH = 140
OWNER = "operator"
GB = 10**9


class Priority(StrEnum):
    interactive = "interactive"
    standard = "standard"
    batch = "batch"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="who or what uses it, such as archive-search")],
    owner: Annotated[str, typer.Option(help="the user it acts for; shares of the card are those of the owner")] = OWNER,
    scope: Annotated[list[Scope] | None, typer.Option(help="what it may use; else the shared APIs")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="may pull and delete models in Ollama")] = False,
    priority: Annotated[Priority, typer.Option(help="the class of its requests")] = Priority.standard,
    requests_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    tokens_per_day: Annotated[int | None, typer.Option(min=1, help="of prompts and answers together")] = None,
    minutes_per_day: Annotated[float | None, typer.Option(min=0.1, help="of audio")] = None,
    gb_per_day: Annotated[float | None, typer.Option(min=0.001, help="of uploads")] = None,
    jobs_at_once: Annotated[int | None, typer.Option(min=1, help="waiting or running")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="until it expires; never where none is given")] = None,
) -> None:
    """Make a key. It is printed once, to standard output, and kept nowhere."""
    engine = wiring.running_database(Settings())
    user = People(engine).by_name(owner)
    if user is None:
        raise NotFound(f"There is no user {owner}. `brickyard users list` shows them, `brickyard users add` makes one.")
    new = NewKey(
        name=name,
        owner=user.id,
        scopes=tuple(scope or SHARED_APIS),
        is_admin=admin,
        priority=priority.value,
        requests_per_minute=requests_per_minute,
        tokens_per_day=tokens_per_day,
        audio_s_per_day=None if minutes_per_day is None else minutes_per_day * 60,
        bytes_per_day=None if gb_per_day is None else round(gb_per_day * GB),
        jobs_at_once=jobs_at_once,
        expires_at=None if days is None else utc_now() + timedelta(days=days),
    )
    key, made = keys.create(engine, new)
    users.record(engine, "key.made", "key", made.id, name=made.name, owner=user.name, scopes=sorted(made.scopes))
    sys.stdout.write(key + "\n")


@app.command("list")
def list_keys() -> None:
    """All keys, by what can be seen of them."""
    table = Table("key", "name", "owner", "may use", "class", "limits", "state", box=None)
    engine = wiring.running_database(Settings())
    names = {user.id: user.name for user in People(engine).every()}
    for key in keys.every(engine):
        scopes = ", ".join(sorted(key.scopes)) + (", admin" if key.is_admin else "")
        table.add_row(
            f"{key.prefix}…", key.name, names.get(key.owner, key.owner), scopes, key.priority, _limits(key), _state(key)
        )
    _show(table)


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="how the key begins, as `brickyard keys list` shows it")],
) -> None:
    """Make a key void, at once for new web processes and within seconds for all."""
    engine = wiring.running_database(Settings())
    key = keys.revoke(engine, prefix.rstrip("…."))
    users.record(engine, "key.revoked", "key", key.id, name=key.name)
    sys.stdout.write(f"The key {key.prefix}… ({key.name}) is revoked.\n")


@app.command("usage")
def show_usage(days: Annotated[int, typer.Option(min=1, help="how far back")] = 30) -> None:
    """What each key has used."""
    table = Table("name", "key", "service", "model", "measure", "amount", box=None)
    since = utc_now().date() - timedelta(days=days - 1)
    for row in usage.table(wiring.running_database(Settings()), since):
        cells = [str(row[name]) for name in ("name", "prefix", "service", "model", "measure")]
        table.add_row(*cells, f"{row['amount']:,.0f}")
    _show(table)


def _limits(key: ApiKey) -> str:
    limits = [
        key.requests_per_minute and f"{key.requests_per_minute:,}/min",
        key.tokens_per_day and f"{key.tokens_per_day:,} tokens/day",
        key.audio_s_per_day and f"{key.audio_s_per_day / 60:,.0f} min audio/day",
        key.bytes_per_day and f"{key.bytes_per_day / GB:,.3g} GB/day",
        key.jobs_at_once and f"{key.jobs_at_once} jobs at once",
    ]
    return ", ".join(limit for limit in limits if limit) or "none"


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    return f"{'valid until' if key.expires_at > utc_now() else 'expired'} {key.expires_at:%Y-%m-%d}"


def _show(table: Table) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=PIPED_WIDTH)
    console.print(table)
