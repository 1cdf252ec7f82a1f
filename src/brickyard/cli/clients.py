"""`brickyard clients`: the apps that people sign in to with Brickyard."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from brickyard.access.oauth import clients, signing
from brickyard.access.oauth.claims import IDENTITY_SCOPES, SCOPES
from brickyard.access.oauth.clients import NewClient
from brickyard.access.policy import Action, Role
from brickyard.cli import wiring
from brickyard.cli.users import record
from brickyard.kit.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Apps that people sign in to with Brickyard, such as JupyterHub.")

PIPED_WIDTH = 140


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="which app it is, such as Grafana")],
    redirect_uri: Annotated[
        list[str], typer.Option(help="where the app takes people back; several times where needed")
    ],
    public: Annotated[bool, typer.Option("--public", help="it can keep no secret")] = False,
    role: Annotated[list[Role] | None, typer.Option(help="who may sign in to it; else everybody")] = None,
    scope: Annotated[list[str] | None, typer.Option(help=f"what it may ask for, of {', '.join(SCOPES)}")] = None,
    post_logout_redirect_uri: Annotated[list[str] | None, typer.Option(help="where people go when signed out")] = None,
) -> None:
    """Register an app. Its id and its secret are printed once, to standard output; the secret is kept nowhere."""
    new = NewClient(
        name=name,
        redirect_uris=redirect_uri,
        is_public=public,
        roles=role or (),
        scopes=scope or IDENTITY_SCOPES,
        post_logout_redirect_uris=post_logout_redirect_uri or (),
    )
    settings = Settings()
    engine = wiring.running_database(settings)
    record(engine, Action.CLIENT_CHANGE, "client", "", added=name)
    secret, client = clients.add(engine, new)
    sys.stdout.write(f"client_id      {client.client_id}\n")
    if secret is not None:
        sys.stdout.write(f"client_secret  {secret}\n")
    sys.stdout.write(f"issuer         {settings.address}\n")


@app.command("list")
def list_clients() -> None:
    """All apps that are registered."""
    table = Table("client_id", "name", "kind", "open to", "scopes", "comes back to", box=None)
    for client in clients.every(wiring.running_database(Settings())):
        table.add_row(
            client.client_id,
            client.name,
            "public" if client.is_public else "with a secret",
            ", ".join(sorted(client.roles)) or "everybody",
            ", ".join(one for one in SCOPES if one in client.scopes),
            "\n".join(client.redirect_uris),
        )
    console = Console()
    console = console if console.is_terminal else Console(width=PIPED_WIDTH)
    console.print(table)


@app.command()
def remove(client_id: Annotated[str, typer.Argument(help="as `brickyard clients list` shows it")]) -> None:
    """Nobody signs in to it any more, and its tokens are void at once."""
    engine = wiring.running_database(Settings())
    record(engine, Action.CLIENT_CHANGE, "client", client_id, removed=True)
    client = clients.remove(engine, client_id)
    sys.stdout.write(f"{client.name} ({client.client_id}) is removed.\n")


@app.command("rotate-key")
def rotate_key() -> None:
    """Make the next key that ID tokens are signed with. It is published at once and signs ten minutes later."""
    settings = Settings()
    engine = wiring.running_database(settings)
    record(engine, Action.CLIENT_CHANGE, "signing key", "", rotated=True)
    name = signing.rotate(engine, wiring.master_key(settings))
    sys.stdout.write(f"{name} is made.\n")
