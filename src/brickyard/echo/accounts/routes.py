"""`/api/v1/session`, `/me`, `/people`, `/users`, `/teams`: who is signed in, and who may be."""

from __future__ import annotations

from fastapi import APIRouter

from brickyard.echo.accounts import admin_routes, oidc_routes, own_routes, session_routes
from brickyard.echo.accounts.service import Accounts


def router(accounts: Accounts) -> APIRouter:
    api = APIRouter()
    for part in (session_routes, oidc_routes, own_routes, admin_routes):
        api.include_router(part.router(accounts))
    return api
