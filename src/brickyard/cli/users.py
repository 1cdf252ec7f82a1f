"""`brickyard users`: who may sign in, from the command line of the machine, for when nobody can in the app."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.table import Table

from brickyard.access import totp
from brickyard.access.actor import OPERATOR, Actor
from brickyard.access.audit import entry_of
from brickyard.access.links import Links, Purpose
from brickyard.access.people import People, User
from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions
from brickyard.cli import operator, wiring
from brickyard.kit.errors import Conflict, NotFound
from brickyard.kit.settings import Settings

app = typer.Typer(no_args_is_help=True, help="People: who may sign in, with which roles; links for new passwords.")

PIPED_WIDTH = 140
ADMINISTRATORS_DO_THIS = (
    "Somebody administers already. `brickyard users list` shows who; `users link NAME` lets them in."
)
ACTOR = Actor(OPERATOR, "operator", frozenset({Role.ADMINISTRATOR}), "command line", "")

Name = Annotated[str, typer.Argument(help="what the person types to sign in")]


@app.command("list")
def list_users() -> None:
    """All who have an account."""
    table = Table("name", "shown as", "roles", "teams", "two-factor", "last sign-in", "state", box=None)
    people = People(_database())
    for user in people.every():
        teams = ", ".join(team.name for team in people.teams_of(user.id))
        seen = "never" if user.last_sign_in_at is None else f"{user.last_sign_in_at:%Y-%m-%d %H:%M}"
        second = "yes" if user.has_totp else "no"
        state = "active" if user.disabled_at is None else f"disabled {user.disabled_at:%Y-%m-%d}"
        table.add_row(user.name, user.display_name, ", ".join(sorted(user.roles)), teams, second, seen, state)
    console = Console()
    (console if console.is_terminal else Console(width=PIPED_WIDTH)).print(table)


@app.command()
def add(
    name: Name,
    display_name: Annotated[str, typer.Option(help="what others see")] = "",
    email: Annotated[str | None, typer.Option()] = None,
    role: Annotated[list[Role] | None, typer.Option(help="repeatable; analyst where none is given")] = None,
) -> None:
    """Make an account, and print the link by which its owner chooses a password."""
    engine = _database()
    user = People(engine).add(name, display_name, email, role or [Role.ANALYST])
    _record(engine, "user.added", user, roles=sorted(user.roles))
    _print_link(engine, user)


@app.command()
def link(name: Name) -> None:
    """Print a link, good for a day and once, by which a person chooses a new password."""
    engine = _database()
    user = _user(engine, name)
    _record(engine, "user.password_link", user)
    _print_link(engine, user)


@app.command()
def roles(name: Name, role: Annotated[list[Role], typer.Option(help="repeatable: these, and no others")]) -> None:
    """Give a person roles in place of those they have."""
    engine = _database()
    change = People(engine).change(_user(engine, name).id, roles=role)
    _record(engine, "user.roles", change.after, before=sorted(change.before.roles), after=sorted(change.after.roles))
    sys.stdout.write(f"{name} is now {', '.join(sorted(change.after.roles))}.\n")


@app.command()
def disable(name: Name) -> None:
    """Let a person in no more; sessions and keys stop at once."""
    engine = _database()
    user = _user(engine, name)
    People(engine).change(user.id, disabled=True)
    Sessions(engine).revoke_all(user.id, "disabled")
    _record(engine, "user.disabled", user)
    sys.stdout.write(f"{name} is disabled.\n")


@app.command()
def enable(name: Name) -> None:
    """Let a disabled person in again."""
    engine = _database()
    user = _user(engine, name)
    People(engine).change(user.id, disabled=False)
    _record(engine, "user.enabled", user)
    sys.stdout.write(f"{name} is enabled.\n")


@app.command("no-second-factor")
def no_second_factor(name: Name) -> None:
    """Forget a person's second factor, for who lost the phone and the recovery codes."""
    engine = _database()
    user = _user(engine, name)
    with engine.begin() as connection:
        totp.remove(connection, user.id)
    _record(engine, "user.second_factor_removed", user)
    sys.stdout.write(f"{name} signs in with the password alone.\n")


@app.command("first-link")
def first_link() -> None:
    """Print the link by which the first administrator is made."""
    settings = Settings()
    found = operator.first_administrator_link(settings, wiring.running_database(settings))
    if found is None:
        raise Conflict(ADMINISTRATORS_DO_THIS)
    sys.stdout.write(found + "\n")


@app.command("sign-in-link")
def sign_in_link(minutes: Annotated[int, typer.Option(min=1, max=60)] = 10) -> None:
    """Print a link that opens the app as the operator, once. For when nobody who administers can sign in."""
    settings = Settings()
    engine = wiring.running_database(settings)
    _record(engine, "operator.sign_in_link", People(engine).user(OPERATOR))
    sys.stdout.write(operator.sign_in_link(settings, engine, timedelta(minutes=minutes)) + "\n")


def _database() -> sa.Engine:
    return wiring.running_database(Settings())


def _user(engine: sa.Engine, name: str) -> User:
    found = People(engine).by_name(name)
    if found is None:
        raise NotFound(f"There is no user {name}. `brickyard users list` shows them.")
    return found


def _print_link(engine: sa.Engine, user: User) -> None:
    token = Links(engine).make(Purpose.PASSWORD, user.id)
    sys.stdout.write(operator.link(Settings(), Purpose.PASSWORD, token) + "\n")


def record(engine: sa.Engine, action: str, kind: str, identity: object, **details: object) -> None:
    """What the command line of this machine does is in the audit log too."""
    audit = wiring.audit(engine, wiring.master_key(Settings()))
    audit.append(entry_of(ACTOR, action, object_kind=kind, object_id=identity, details=details))


def _record(engine: sa.Engine, action: str, user: User, **details: object) -> None:
    record(engine, action, "user", user.id, name=user.name, **details)
