"""Webhooks over a real database and a real receiver; time is a value that the tests set."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.jobs import store, webhooks
from brickyard.jobs.job import NewJob
from brickyard.jobs.webhook_rules import MOST_ATTEMPTS, hosts
from brickyard.kit.errors import BadInput
from tests.integration.jobs.receiver import Receiver, receiving

SECRET = "a secret of some length, for tests"
HERE = hosts("127.0.0.1")
PAGE = Path(__file__).parents[3] / "docs" / "howto" / "webhooks.md"


class Hands:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


def submitted(engine: sa.Engine, *urls: str, allowed: frozenset[str] = HERE) -> UUID:
    with engine.begin() as connection:
        job = store.submit(connection, NewJob("transcribe", "ada", {"recording": "r1"}))
        for url in urls:
            webhooks.register(connection, job, url, SECRET, allowed)
    return job


END = sa.text("""
    UPDATE jobs SET state = :state, ended_at = now(), error_code = :code, error_message = :message WHERE id = :job""")


def end(connection: sa.Connection, job: UUID, clock: Hands, state: str = "succeeded") -> None:
    code, message = ("bad_media", "It has no sound.") if state == "failed" else (None, None)
    connection.execute(END, {"job": job, "state": state, "code": code, "message": message})
    webhooks.enqueue_ended(connection, [job], clock)


def ended(engine: sa.Engine, job: UUID, clock: Hands, state: str = "succeeded") -> None:
    with engine.begin() as connection:
        end(connection, job, clock, state)


def deliver(engine: sa.Engine, clock: Hands, allowed: frozenset[str] = HERE) -> int:
    async def once() -> int:
        async with webhooks.client() as http:
            return await webhooks.deliver_due(engine, http, allowed, clock)

    return asyncio.run(once())


def kept(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT * FROM deliveries ORDER BY created_at, url")))


def genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As receivers are told to check it: the very code of the page."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    return bool(names["is_genuine"](secret, headers, body))


def test_a_receiver_is_told_once_and_can_check_it(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    job = submitted(engine, f"{receiver.url}/hook?team=a")
    ended(engine, job, clock)
    assert deliver(engine, clock) == 1
    assert deliver(engine, clock) == 0
    (message,) = receiver.came
    assert message.path == "/hook?team=a"
    assert message.headers["content-type"] == "application/json"
    said = json.loads(message.body)
    assert said["type"] == "job.succeeded"
    assert said["data"]["job"] == str(job)
    assert said["data"]["params"] == {"recording": "r1"}
    assert said["data"]["error"] is None
    assert message.headers["webhook-timestamp"] == str(int(clock.now.timestamp()))
    assert genuine(SECRET, message.headers, message.body)
    assert not genuine(SECRET + "x", message.headers, message.body)
    assert not genuine(SECRET, message.headers, message.body + b" ")
    assert not genuine(SECRET, message.headers | {"webhook-timestamp": "1614265330"}, message.body)
    assert kept(engine)[0].delivered_at == clock.now


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_every_end_is_told(engine: sa.Engine, receiver: Receiver, clock: Hands, state: str) -> None:
    ended(engine, submitted(engine, receiver.url), clock, state)
    deliver(engine, clock)
    said = json.loads(receiver.came[0].body)
    assert said["type"] == f"job.{state}"
    assert said["data"]["error"] == (
        {"code": "bad_media", "message": "It has no sound."} if state == "failed" else None
    )


def test_nobody_is_told_of_an_end_that_is_rolled_back(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    job = submitted(engine, receiver.url)
    with engine.begin() as connection:
        end(connection, job, clock)
        connection.rollback()
    assert kept(engine) == []


def test_a_job_that_goes_on_is_no_news(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    job = submitted(engine, receiver.url)
    with engine.begin() as connection:
        assert webhooks.enqueue_ended(connection, [job], clock) == 0
        assert webhooks.enqueue_ended(connection, [], clock) == 0


def test_each_of_several_receivers_is_told_on_its_own(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    receiver.answers = [500]
    ended(engine, submitted(engine, f"{receiver.url}/a", f"{receiver.url}/b"), clock)
    deliver(engine, clock)
    assert {message.path for message in receiver.came} == {"/a", "/b"}
    assert sorted(row.delivered_at is None for row in kept(engine)) == [False, True]


def test_failures_are_tried_again_with_growing_pauses_and_the_same_id(
    engine: sa.Engine, receiver: Receiver, clock: Hands
) -> None:
    receiver.answers = [500] * 99
    ended(engine, submitted(engine, receiver.url), clock)
    pauses: list[float] = []
    while deliver(engine, clock):
        row = kept(engine)[0]
        assert "500" in row.last_error
        if row.attempts < MOST_ATTEMPTS:
            pause_s = (row.next_at - clock.now).total_seconds()
            pauses.append(pause_s)
            clock.on(pause_s - 1)
            assert deliver(engine, clock) == 0
            clock.on(1)
    assert pauses == [5, 30, 120, 600, 3600, 21600]
    assert len(receiver.came) == MOST_ATTEMPTS
    assert len({message.headers["webhook-id"] for message in receiver.came}) == 1
    clock.on(1_000_000)
    assert deliver(engine, clock) == 0


def test_a_receiver_that_comes_back_is_told(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    receiver.answers = [503, 429]
    ended(engine, submitted(engine, receiver.url), clock)
    for pause_s in (5, 30, 0):
        deliver(engine, clock)
        clock.on(pause_s)
    row = kept(engine)[0]
    assert (row.attempts, row.last_error) == (3, None)
    assert row.delivered_at is not None
    assert all(genuine(SECRET, message.headers, message.body) for message in receiver.came)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_failures(engine: sa.Engine, receiver: Receiver, clock: Hands, status: int) -> None:
    receiver.answers = [status]
    ended(engine, submitted(engine, receiver.url), clock)
    deliver(engine, clock)
    assert [message.path for message in receiver.came] == ["/"]
    assert "redirects" in kept(engine)[0].last_error


def test_a_receiver_that_is_not_there_is_a_failure(engine: sa.Engine, clock: Hands) -> None:
    ended(engine, submitted(engine, "http://127.0.0.1:9/"), clock)
    deliver(engine, clock)
    assert "ConnectError" in kept(engine)[0].last_error


def test_a_name_that_is_not_known_is_a_failure(engine: sa.Engine, clock: Hands) -> None:
    allowed = hosts("nowhere.invalid")
    ended(engine, submitted(engine, "http://nowhere.invalid/", allowed=allowed), clock)
    deliver(engine, clock, allowed)
    assert "nowhere.invalid" in kept(engine)[0].last_error


def test_a_receiver_that_never_answers_is_given_up_for_now(
    engine: sa.Engine, receiver: Receiver, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SEND_WITHIN_S", 0.2)
    done = threading.Event()
    receiver.on_message = lambda: done.wait(20)
    ended(engine, submitted(engine, receiver.url), clock)
    deliver(engine, clock)
    done.set()
    assert "no answer" in kept(engine)[0].last_error


def test_a_host_that_is_allowed_no_more_is_not_told(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    ended(engine, submitted(engine, receiver.url), clock)
    deliver(engine, clock, hosts("other"))
    assert receiver.came == []
    assert "not allowed" in kept(engine)[0].last_error


def test_a_name_that_leads_to_metadata_is_not_followed(engine: sa.Engine, clock: Hands) -> None:
    """A number is such a name: resolvers read it as 169.254.169.254."""
    name = str(0xA9FEA9FE)
    ended(engine, submitted(engine, f"http://{name}/", allowed=hosts(name)), clock)
    deliver(engine, clock, hosts(name))
    assert "no webhook is sent" in kept(engine)[0].last_error


def test_a_name_is_sent_along_though_its_address_is_called(engine: sa.Engine, clock: Hands) -> None:
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        ended(engine, submitted(engine, url, allowed=hosts("localhost")), clock)
        deliver(engine, clock, hosts("localhost"))
    if not receiver.came:
        pytest.skip("localhost is not 127.0.0.1 here")
    assert receiver.came[0].headers["host"] == url.removeprefix("http://")


def test_two_senders_send_a_message_once(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    for _ in range(40):
        ended(engine, submitted(engine, receiver.url), clock)
    threads = [threading.Thread(target=lambda: [deliver(engine, clock) for _ in range(4)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [message.headers["webhook-id"] for message in receiver.came]
    assert len(ids) == len(set(ids)) == 40
    assert all(row.attempts == 1 for row in kept(engine))


def test_what_is_being_sent_is_nobody_elses(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    others: list[int] = []
    receiver.on_message = lambda: others.append(deliver(engine, clock))
    ended(engine, submitted(engine, receiver.url), clock)
    assert deliver(engine, clock) == 1
    assert others == [0]


def test_a_sender_that_died_leaves_it_to_another_with_the_same_id(
    engine: sa.Engine, receiver: Receiver, clock: Hands
) -> None:
    class Killed(BaseException):
        pass

    class Dying(webhooks.httpx.AsyncClient):
        async def send(self, *args: Any, **kwargs: Any) -> Any:
            await super().send(*args, **kwargs)
            raise Killed

    async def once() -> None:
        async with Dying(trust_env=False) as http:
            await webhooks.deliver_due(engine, http, HERE, clock)

    ended(engine, submitted(engine, receiver.url), clock)
    with pytest.raises(Killed):
        asyncio.run(once())
    assert deliver(engine, clock) == 0
    clock.on(webhooks.CLAIM_S)
    assert deliver(engine, clock) == 1
    first, second = receiver.came
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_who_stood_still_too_long_writes_nothing_over_another(
    engine: sa.Engine, receiver: Receiver, clock: Hands
) -> None:
    def another() -> None:
        receiver.on_message = lambda: None
        clock.on(webhooks.CLAIM_S)
        deliver(engine, clock)

    receiver.on_message = another
    receiver.answers = [204, 500]
    ended(engine, submitted(engine, receiver.url), clock)
    deliver(engine, clock)
    row = kept(engine)[0]
    assert len(receiver.came) == 2
    assert (row.attempts, row.delivered_at is not None) == (1, True)


@pytest.mark.parametrize("secret", [None, "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_secret_is_made_where_none_is_given(engine: sa.Engine, receiver: Receiver, clock: Hands, secret: Any) -> None:
    with engine.begin() as connection:
        job = store.submit(connection, NewJob("transcribe", "ada"))
        told = webhooks.register(connection, job, receiver.url, secret, HERE)
    assert secret in (None, told)
    ended(engine, job, clock)
    deliver(engine, clock)
    assert genuine(told, receiver.came[0].headers, receiver.came[0].body)


def test_what_may_not_be_told_is_refused_with_the_job(engine: sa.Engine) -> None:
    with pytest.raises(BadInput, match="BRICKYARD_WEBHOOK_HOSTS"):
        submitted(engine, "https://example.org/", allowed=hosts(""))
    with pytest.raises(BadInput, match="not allowed"):
        submitted(engine, "https://example.org/")
    with pytest.raises(BadInput, match="at most"):
        submitted(engine, *(f"http://127.0.0.1/{n}" for n in range(9)))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM jobs")).scalar() == 0


def test_the_same_address_is_told_once(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    ended(engine, submitted(engine, receiver.url, receiver.url), clock)
    assert deliver(engine, clock) == 1


def test_old_deliveries_are_forgotten_and_those_still_to_send_are_not(
    engine: sa.Engine, receiver: Receiver, clock: Hands
) -> None:
    ended(engine, submitted(engine, receiver.url), clock)
    deliver(engine, clock)
    ended(engine, submitted(engine, "http://127.0.0.1:9/"), clock)
    assert webhooks.forget(engine, clock.now) == 0
    assert webhooks.forget(engine, clock.now + timedelta(days=1)) == 1
    assert [row.url for row in kept(engine)] == ["http://127.0.0.1:9/"]


def test_a_job_that_is_deleted_takes_its_webhooks_along_and_not_what_is_to_be_told(
    engine: sa.Engine, receiver: Receiver, clock: Hands
) -> None:
    job = submitted(engine, receiver.url)
    ended(engine, job, clock)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM jobs WHERE id = :job"), {"job": job})
        assert connection.execute(sa.text("SELECT count(*) FROM webhooks")).scalar() == 0
    assert deliver(engine, clock) == 1


def test_it_all_happens_in_the_background(engine: sa.Engine, receiver: Receiver, clock: Hands) -> None:
    with webhooks.sending(engine, HERE):
        ended(engine, submitted(engine, receiver.url), clock)
        give_up = time.monotonic() + 30
        while not receiver.came and time.monotonic() < give_up:
            time.sleep(0.02)
    assert len(receiver.came) == 1
    assert kept(engine)[0].delivered_at is not None
