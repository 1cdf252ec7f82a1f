"""Messages to other programs that a job has ended: kept in the transaction that ends it, sent until they arrive.

A delivery has one id, the same however often it is sent: a sender that dies in the middle leaves it due again, so a
receiver may get it twice, and knows it by its id. Who sends has claimed the row for a while longer than sending may
take, so no two send it at the same time; that needs clocks that agree to within that while.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa

from brickyard.jobs.webhook_rules import (
    MOST_ATTEMPTS,
    check_addresses,
    check_secret,
    check_url,
    new_secret,
    pause_s,
    signature,
)
from brickyard.kit import db
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, Unavailable
from brickyard.kit.logs import get

MOST_PER_JOB = 5
AT_ONCE = 16
LOOK_EVERY_S = 1.0
SEND_WITHIN_S = 15.0
CLAIM_S = 60.0
KEEP_DAYS = 30.0
TIDY_EVERY_S = 3600.0
PATIENCE_S = 30.0

T = TypeVar("T")
log = get(__name__)


# ---- in the transactions of others


def register(connection: sa.Connection, job: UUID, url: str, secret: str | None, allowed: frozenset[str]) -> str:
    """Have `url` told when the job ends; in the transaction that submits it. Returns the secret, made if None is given.

    Raises BadInput for an address that is not allowed, for a weak secret, and for too many of them.
    """
    check_url(url, allowed)
    secret = secret or new_secret()
    check_secret(secret)
    count = connection.execute(sa.text("SELECT count(*) FROM webhooks WHERE job = :job"), {"job": job}).scalar_one()
    if count >= MOST_PER_JOB:
        raise BadInput(f"A job has at most {MOST_PER_JOB} webhooks.")
    query = sa.text("""
        INSERT INTO webhooks (job, url, secret) VALUES (:job, :url, :secret)
        ON CONFLICT (job, url) DO UPDATE SET secret = excluded.secret""")
    connection.execute(query, {"job": job, "url": url, "secret": secret})
    return secret


ENDED = sa.text("""
    SELECT webhooks.url, webhooks.secret, jobs.id, jobs.pipeline, jobs.state, jobs.params, jobs.created_at,
           jobs.ended_at, jobs.error_code, jobs.error_message, jobs.warnings
    FROM webhooks JOIN jobs ON jobs.id = webhooks.job
    WHERE webhooks.job = ANY(:jobs) AND jobs.state IN ('succeeded', 'failed', 'cancelled')
    ORDER BY webhooks.url""")

KEEP = sa.text("""
    INSERT INTO deliveries (id, job, url, secret, body, next_at, created_at)
    VALUES (:id, :job, :url, :secret, :body, :now, :now)""")


def enqueue_ended(connection: sa.Connection, jobs: Sequence[UUID], clock: Clock = utc_now) -> int:
    """Write down what is to be sent of those jobs that have ended; in the transaction that ends them."""
    if not jobs:
        return 0
    rows = connection.execute(ENDED, {"jobs": list(jobs)}).all()
    now = clock()
    for row in rows:
        delivery = {"id": uuid4(), "job": row.id, "url": row.url, "secret": row.secret, "body": _body(row), "now": now}
        connection.execute(KEEP, delivery)
    return len(rows)


def _body(row: sa.Row[Any]) -> str:
    error = {"code": row.error_code, "message": row.error_message} if row.state == "failed" else None
    data = {
        "job": str(row.id),
        "state": row.state,
        "pipeline": row.pipeline,
        "params": row.params,
        "created_at": row.created_at.isoformat(),
        "ended_at": row.ended_at.isoformat(),
        "error": error,
        "warnings": row.warnings,
    }
    said = {"type": f"job.{row.state}", "timestamp": row.ended_at.isoformat(), "data": data}
    return json.dumps(said, ensure_ascii=False)


def forget_recording(connection: sa.Connection, recording: UUID) -> int:
    """Delete what was or is to be told of jobs over a recording: messages name what was asked for, and what failed."""
    query = sa.text("DELETE FROM deliveries WHERE strpos(body, :recording) > 0")
    return connection.execute(query, {"recording": str(recording)}).rowcount


# ---- sending


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send until `until`. `failures`: how often that was tried in vain."""

    id: UUID
    job: UUID
    url: str
    secret: str
    body: str
    failures: int
    until: datetime


CLAIM = sa.text("""
    UPDATE deliveries SET next_at = :until
    WHERE id IN (
        SELECT id FROM deliveries WHERE delivered_at IS NULL AND attempts < :most AND next_at <= :now
        ORDER BY next_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, job, url, secret, body, attempts AS failures, next_at AS until""")

ARRIVED = sa.text("""
    UPDATE deliveries SET delivered_at = :now, attempts = attempts + 1, last_error = NULL
    WHERE id = :id AND next_at = :until AND delivered_at IS NULL""")

FAILED = sa.text("""
    UPDATE deliveries SET attempts = attempts + 1, next_at = :next_at, last_error = :error
    WHERE id = :id AND next_at = :until AND delivered_at IS NULL""")

FORGET = sa.text("""
    DELETE FROM deliveries WHERE created_at < :before AND (delivered_at IS NOT NULL OR attempts >= :most)""")


def client() -> httpx.AsyncClient:
    """Goes straight to the receiver: no proxy, no redirects; trusts whom this machine trusts."""
    return httpx.AsyncClient(
        timeout=SEND_WITHIN_S,
        follow_redirects=False,
        trust_env=False,
        verify=ssl.create_default_context(),
        headers={"User-Agent": "brickyard"},
    )


@contextmanager
def sending(engine: sa.Engine, allowed: frozenset[str]) -> Iterator[None]:
    """Sends what is due, in a thread of its own, until left. Several processes may do so at once."""
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(run(engine, allowed, stop)), name="webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SEND_WITHIN_S + PATIENCE_S)


async def run(engine: sa.Engine, allowed: frozenset[str], stop: threading.Event, clock: Clock = utc_now) -> None:
    """Send what is due until `stop` is set."""
    tidy_due = 0.0
    async with client() as http:
        while not stop.is_set():
            sent = 0
            try:
                sent = await deliver_due(engine, http, allowed, clock)
                if time.monotonic() >= tidy_due:
                    tidy_due = time.monotonic() + TIDY_EVERY_S
                    await _patiently(lambda: forget(engine, clock() - timedelta(days=KEEP_DAYS)))
            except Unavailable as error:
                log.warning("webhooks wait for the database", reason=error.message)
            if sent < AT_ONCE:
                await asyncio.sleep(LOOK_EVERY_S)


async def deliver_due(
    engine: sa.Engine, http: httpx.AsyncClient, allowed: frozenset[str], clock: Clock = utc_now
) -> int:
    """Claim up to 16 deliveries that are due and send them. Returns how many were claimed."""
    began = time.monotonic()
    claimed = await _patiently(lambda: _claim(engine, clock()))
    await asyncio.gather(*(_deliver(engine, http, each, allowed, clock, began) for each in claimed))
    return len(claimed)


def forget(engine: sa.Engine, before: datetime) -> int:
    """Delete old deliveries that arrived or were given up."""
    with engine.begin() as connection:
        return connection.execute(FORGET, {"before": before, "most": MOST_ATTEMPTS}).rowcount


def _claim(engine: sa.Engine, now: datetime) -> list[Claimed]:
    values = {"now": now, "until": now + timedelta(seconds=CLAIM_S), "most": MOST_ATTEMPTS, "limit": AT_ONCE}
    with engine.begin() as connection:
        return [Claimed(**row._mapping) for row in connection.execute(CLAIM, values)]


async def _deliver(
    engine: sa.Engine,
    http: httpx.AsyncClient,
    delivery: Claimed,
    allowed: frozenset[str],
    clock: Clock,
    began: float,
) -> None:
    if time.monotonic() - began > CLAIM_S - SEND_WITHIN_S:
        return  # this process stood still; by the time it is sent, another one may have claimed it
    error = await _send(http, delivery, allowed, int(clock().timestamp()))
    try:
        await _patiently(lambda: _note(engine, delivery, error, clock()))
    except Unavailable as outage:
        log.warning("webhook may be sent again", delivery=str(delivery.id), reason=outage.message)


async def _send(http: httpx.AsyncClient, delivery: Claimed, allowed: frozenset[str], timestamp_s: int) -> str | None:
    """None where it arrived, else why not."""
    try:
        async with asyncio.timeout(SEND_WITHIN_S):
            check_url(delivery.url, allowed)
            request = await _request(http, delivery, timestamp_s)
            response = await http.send(request, stream=True)
            await response.aclose()
    except TimeoutError:
        return f"There was no answer within {SEND_WITHIN_S:g} s."
    except (BadInput, Unavailable) as error:
        return error.message
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{type(error).__name__}: {error}"
    if response.is_success:
        return None
    return f"The receiver answered with {response.status_code}; 2xx is success, and redirects are not followed."


async def _request(http: httpx.AsyncClient, delivery: Claimed, timestamp_s: int) -> httpx.Request:
    """To the very address that was looked up and checked: a name may lead elsewhere a moment later."""
    url = httpx.URL(delivery.url)
    address = await _address(url.host, url.port or {"http": 80, "https": 443}[url.scheme])
    body = delivery.body.encode()
    headers = {
        "Host": urlsplit(delivery.url).netloc,
        "Content-Type": "application/json",
        "webhook-id": str(delivery.id),
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(delivery.secret, str(delivery.id), timestamp_s, body),
    }
    return http.build_request(
        "POST", url.copy_with(host=address), content=body, headers=headers, extensions={"sni_hostname": url.host}
    )


async def _address(host: str, port: int) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"The host {host} is not known here: {error}.") from error
    addresses = [str(entry[4][0]) for entry in found]
    check_addresses(host, addresses)
    return addresses[0]


def _note(engine: sa.Engine, delivery: Claimed, error: str | None, now: datetime) -> None:
    """Write down how it went, unless the claim is another's by now."""
    values: dict[str, Any] = {"id": delivery.id, "until": delivery.until}
    about = {"delivery": str(delivery.id), "job": str(delivery.job)}
    if error is None:
        query, values = ARRIVED, values | {"now": now}
    else:
        pause = pause_s(delivery.failures + 1)
        query, values = FAILED, values | {"next_at": now + timedelta(seconds=pause or 0.0), "error": error[:500]}
        log.warning("webhook is given up" if pause is None else "webhook did not arrive", **about, reason=error)
    with engine.begin() as connection:
        connection.execute(query, values)


async def _patiently(call: Callable[[], T]) -> T:
    return await asyncio.to_thread(db.patiently, call, PATIENCE_S)
