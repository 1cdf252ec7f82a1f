from __future__ import annotations

from tests.unit.access.oauth.conftest import engine, kept

__all__ = ["engine", "kept"]
