"""`/api/v1/me/preferences`: what somebody's uploads begin with, and how the app looks to them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, ValidationError

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.recordings.schemas import TranscribeOptions

Me = Annotated[Actor, needs(Action.SELF)]


class Preferences(BaseModel):
    """`upload` and `team`: what the upload form begins with. `language`: of the app; null: as the browser says.

    `notify`: whether the browser tells when a job has ended.
    """

    model_config = ConfigDict(extra="ignore")

    upload: TranscribeOptions = TranscribeOptions()
    team: UUID | None = None
    language: Literal["en", "fr"] | None = None
    theme: Literal["system", "light", "dark"] = "system"
    notify: bool = False


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(tags=["me"])

    @api.get("/me/preferences")
    def preferences(actor: Me) -> Preferences:
        """Yours, or those that everybody begins with."""
        return get(engine, actor.id)

    @api.put("/me/preferences")
    def prefer(new: Preferences, actor: Me) -> Preferences:
        """All of them, in place of what you preferred before."""
        put(engine, actor.id, new)
        return new

    return api


def get(engine: sa.Engine, user: str) -> Preferences:
    query = sa.text("SELECT document FROM preferences WHERE user_id = :user")
    with engine.connect() as connection:
        document = connection.execute(query, {"user": user}).scalar_one_or_none()
    try:
        return Preferences.model_validate(document or {})
    except ValidationError:
        # Of a version with other options; nobody should have to repair that to see the upload form.
        return Preferences()


def put(engine: sa.Engine, user: str, new: Preferences) -> None:
    query = sa.text("""
        INSERT INTO preferences (user_id, document) VALUES (:user, :document)
        ON CONFLICT (user_id) DO UPDATE SET document = excluded.document""")
    with engine.begin() as connection:
        connection.execute(query, {"user": user, "document": new.model_dump_json()})
