"""What the API says of the apps that people sign in to with Brickyard."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from brickyard.access.oauth.claims import IDENTITY_SCOPES
from brickyard.access.oauth.clients import Client, NewClient
from brickyard.access.policy import Role

Addresses = Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=50)]


class ClientView(BaseModel):
    """`roles`: who may sign in to it; empty: everybody."""

    client_id: str
    name: str
    is_public: bool
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    scopes: list[str]
    roles: list[Role]
    created_at: datetime


class NewClientView(ClientView):
    """`client_secret`: shown this once; null for a public client."""

    client_secret: str | None


class ClientAsked(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Grafana",
                "redirect_uris": ["https://grafana.example.org/login/generic_oauth"],
                "roles": ["data_scientist", "administrator"],
            }
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=80)]
    redirect_uris: Addresses
    post_logout_redirect_uris: Addresses = []
    is_public: bool = False
    scopes: Annotated[list[str], Field(max_length=20)] = list(IDENTITY_SCOPES)
    roles: Annotated[list[Role], Field(max_length=10)] = []

    def as_new(self) -> NewClient:
        return NewClient(
            name=self.name,
            redirect_uris=self.redirect_uris,
            is_public=self.is_public,
            roles=self.roles,
            scopes=self.scopes,
            post_logout_redirect_uris=self.post_logout_redirect_uris,
        )


def view(client: Client) -> ClientView:
    return ClientView(**_values(client))


def new_view(client: Client, secret: str | None) -> NewClientView:
    return NewClientView(**_values(client), client_secret=secret)


def _values(client: Client) -> dict[str, object]:
    names = ("client_id", "name", "is_public", "redirect_uris", "post_logout_redirect_uris", "created_at")
    return {name: getattr(client, name) for name in names} | {
        "scopes": sorted(client.scopes),
        "roles": sorted(client.roles),
    }
