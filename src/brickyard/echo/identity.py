"""Who is asking. There is one user until sign-in exists; everything that belongs to somebody already names an owner."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

LOCAL_USER = "local"


def current_owner() -> str:
    return LOCAL_USER


Owner = Annotated[str, Depends(current_owner)]
