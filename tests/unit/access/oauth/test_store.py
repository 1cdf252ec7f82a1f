from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import sqlalchemy as sa

from brickyard.access.oauth.wire import Reply
from tests.unit.access.oauth.scene import Scene

AT_ONCE = 6


def at_once(ask: Callable[[], Reply]) -> list[Reply]:
    """The same request, from several threads at one moment."""
    start = Barrier(AT_ONCE)

    def one() -> Reply:
        start.wait()
        return ask()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(AT_ONCE)]]


def alive(scene: Scene) -> int:
    with scene.engine.connect() as connection:
        query = "SELECT count(*) FROM oauth_tokens WHERE revoked_at IS NULL"
        return int(connection.execute(sa.text(query)).scalar_one())


def given(replies: list[Reply]) -> list[dict[str, Any]]:
    return [reply.body for reply in replies if reply.status == 200 and isinstance(reply.body, dict)]


def test_of_many_with_one_code_one_is_first_and_then_nobody_has_anything(scene: Scene) -> None:
    app, actor = scene.app(), scene.sign_in(scene.person("ada"))
    for _ in range(5):
        code = scene.code(app, actor)
        assert len(given(at_once(lambda code=code: scene.redeem(app, code)))) == 1  # type: ignore[misc]
        assert alive(scene) == 0


def test_of_many_with_one_refresh_token_likewise(scene: Scene) -> None:
    app, actor = scene.app(), scene.sign_in(scene.person("ada"))
    for _ in range(5):
        refresh = scene.tokens(app, actor)["refresh_token"]
        assert len(given(at_once(lambda refresh=refresh: scene.refresh(app, refresh)))) == 1  # type: ignore[misc]
        assert alive(scene) == 0


def test_who_gives_a_token_back_while_it_is_refreshed_is_done_with_it(scene: Scene) -> None:
    app, actor = scene.app(), scene.sign_in(scene.person("ada"))
    for _ in range(10):
        tokens = scene.tokens(app, actor)
        with ThreadPoolExecutor(2) as pool:
            refreshed = pool.submit(scene.refresh, app, tokens["refresh_token"])
            given_back = scene.asked(app, "/oauth/revoke", token=tokens["refresh_token"])
            assert pool.submit(scene.provider.revoke, given_back).result().status == 200
            refreshed.result()
        assert alive(scene) == 0


def test_what_has_long_expired_is_forgotten(scene: Scene) -> None:
    app, user = scene.app(), scene.person("ada")
    scene.tokens(app, scene.sign_in(user))
    scene.time.pass_(days=20)
    scene.tokens(app, scene.sign_in(user))
    scene.time.pass_(days=15)
    scene.code(app, scene.sign_in(user))
    with scene.engine.connect() as connection:
        counts = connection.execute(
            sa.text("SELECT (SELECT count(*) FROM oauth_codes), (SELECT count(*) FROM oauth_tokens)")
        ).one()
    assert tuple(counts) == (2, 1)
