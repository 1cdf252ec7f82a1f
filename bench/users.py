"""100 signed-in people browse, watch progress and search, all at once, on a real platform's web process and database.

In the database: `SEGMENTS` segments that can be searched for, of 2,000 recordings of an hour, in 20 teams. Words are
drawn as often as words are used (Zipf's law, 30,000 of them), and so is what people search for. 60 jobs wait and 4 run.
Each person does one thing after the other, as their pages do: the library, a recording with its transcript, a search,
the queue (asked again every 2 s while it is open), with pauses of 1 to 5 s in which people read. The load comes from
this process, over HTTP, on the same cores.

`p95_ms`: of the answers to all requests, whole. `errors`: answers that were not good. Also told: p50, p99, requests a
second, and p95 of searches.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import form
import httpx
import sqlalchemy as sa

from brickyard.access.master import MasterKey
from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions
from brickyard.access.teams import Teams
from brickyard.cli.up import free_port
from brickyard.echo.identity import COOKIE
from brickyard.jobs.job import NewJob
from brickyard.jobs.states import Priority
from brickyard.jobs.store import submit
from brickyard.kit import db
from brickyard.kit.postgres import Embedded

PEOPLE = 100
TEAMS = 20
SEGMENTS, QUICK_SEGMENTS = 1_000_000, 200_000
A_RECORDING = 500
WAITING, RUNNING = 60, 4
WORDS = 30_000
LASTS_S, QUICK_LASTS_S = 60.0, 12.0
AGENT = "bench"
SYLLABLES = [a + b for a in "bcdfglmnprstv" for b in "aeiou"]


def vocabulary() -> list[str]:
    draw = random.Random(1)
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(draw.choices(SYLLABLES, k=draw.choice([1, 2, 2, 3, 3, 4])) or "a")] = None
        if len(found) < 200:
            found[draw.choice("aeiou") + draw.choice("lmnrst")] = None
    return list(found)


@dataclass
class Said:
    """Words as often as words are used: the n-th most common one in n."""

    words: list[str] = field(default_factory=vocabulary)
    draw: random.Random = field(default_factory=lambda: random.Random(2))

    def __post_init__(self) -> None:
        total, self.reached = 0.0, []
        for place in range(len(self.words)):
            total += 1 / (place + 2.7)
            self.reached.append(total)

    def some(self, count: int) -> list[str]:
        return self.draw.choices(self.words, cum_weights=self.reached, k=count)


@contextmanager
def postgres(folder: Path) -> Iterator[sa.Engine]:
    server = Embedded(folder / "data", folder / "run")
    server.prepare()
    process = subprocess.Popen(server.command(), stderr=subprocess.DEVNULL)
    try:
        while not server.is_ready():
            time.sleep(0.1)
        server.create_database()
        engine = db.connect(server.url)
        db.migrate(engine)
        yield engine
        engine.dispose()
    finally:
        process.terminate()
        process.wait()


def fill(engine: sa.Engine, segments: int) -> list[tuple[str, str]]:
    """People, teams, recordings, transcripts and what is searched. Returns each person's id and session."""
    people, teams, sessions = People(engine), Teams(engine), Sessions(engine)
    users = [people.add(f"person{n}", f"Person {n}", None, [Role.ANALYST]).id for n in range(PEOPLE)]
    groups = [teams.add_team(f"Team {n}").id for n in range(TEAMS)]
    for place, user in enumerate(users):
        teams.set_member(groups[place % TEAMS], user, True)
    recordings = [uuid4() for _ in range(segments // A_RECORDING)]
    with engine.begin() as connection:
        _recordings(connection, recordings, users, groups)
        _passages(connection, recordings)
        connection.execute(sa.text(TRANSCRIPTS))
        _jobs(connection, recordings, users)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    return [(user, sessions.open(user, "local", "127.0.0.1", AGENT).token) for user in users]


def _jobs(connection: sa.Connection, recordings: list[UUID], users: list[str]) -> None:
    for place, id_ in enumerate(recordings[: WAITING + RUNNING]):
        params = {"recording": str(id_), "diarize": True}
        priority = Priority.BATCH if place % 3 else Priority.STANDARD
        submit(
            connection, NewJob("transcribe", users[place % PEOPLE], params, priority, work_s=3600, unique_key=str(id_))
        )
    run = """
        UPDATE jobs SET state = 'running', admitted_at = now(), started_at = now()
        WHERE id IN (SELECT id FROM jobs LIMIT :n)"""
    connection.execute(sa.text(run), {"n": RUNNING})


TRANSCRIPTS = """
    INSERT INTO transcripts (recording, job, document)
    SELECT recording, gen_random_uuid(), jsonb_build_object('recording', recording, 'job', gen_random_uuid(),
           'duration', 3600, 'language', 'en', 'models', '{}'::jsonb, 'speakers', '["Speaker 1", "Speaker 2"]'::jsonb,
           'segments', jsonb_agg(jsonb_build_object('start', start_s, 'end', end_s, 'speaker', speaker, 'text', text,
                                                    'words', '[]'::jsonb) ORDER BY index))
    FROM passages GROUP BY recording"""


def _recordings(connection: sa.Connection, recordings: list[UUID], users: list[str], groups: list[UUID]) -> None:
    insert = sa.text("""
        INSERT INTO recordings (id, owner, team, name, sha256, size_bytes, container, duration_s, has_video, created_at)
        VALUES (:id, :owner, :team, :name, :id, 1000000, 'm4a', 3600, false, now() - :age * interval '1 minute')""")
    rows = []
    for place, id_ in enumerate(recordings):
        owner = place % PEOPLE
        team = groups[owner % TEAMS] if place % 2 else None
        rows.append({"id": id_, "owner": users[owner], "team": team, "name": f"Interview {place}.m4a", "age": place})
    connection.execute(insert, rows)


def _passages(connection: sa.Connection, recordings: list[UUID]) -> None:
    said = Said()
    cursor = connection.connection.cursor()
    columns = "recording, kind, variant, index, start_s, end_s, speaker, text"
    with cursor.copy(f"COPY passages ({columns}) FROM STDIN") as copy:  # type: ignore[attr-defined]
        for id_ in recordings:
            for index in range(A_RECORDING):
                text = " ".join(said.some(11))
                start = index * 7.2
                copy.write_row((id_, "transcript", "", index, start, start + 7, f"Speaker {1 + index % 2}", text))


@contextmanager
def web(database: str, home: Path) -> Iterator[str]:
    port = free_port()
    own = {"BRICKYARD_HOME": str(home), "BRICKYARD_DATABASE_URL": database, "BRICKYARD_PORT": str(port)}

    logs = (home / "web.log").open("wb")
    MasterKey.create(home / "master.key")

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "brickyard.cli", name]
        return subprocess.Popen(command, env={**os.environ, **own}, stdout=logs, stderr=logs)

    broker, process = start("broker"), start("serve")
    try:
        wait_for(f"http://127.0.0.1:{port}/api/v1/session", process, home / "web.log")
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        for each in (process, broker):
            each.terminate()
            each.wait()
        logs.close()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers, whatever it says."""
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"The web process did not start:\n{log.read_text()[-2000:]}")


@dataclass
class Answers:
    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)


class Person:
    def __init__(self, url: str, token: str, answers: Answers, seed: int) -> None:
        self._url, self._answers = url, answers
        self._draw = random.Random(seed)
        self._said = Said(draw=self._draw)
        self._headers = {"Cookie": f"{COOKIE}={token}", "User-Agent": AGENT}

    async def work(self, until: float) -> None:
        async with aiohttp.ClientSession(headers=self._headers) as self._http:
            await asyncio.sleep(self._draw.uniform(0, 4))
            while time.monotonic() < until:
                await self._draw.choice([self._browse, self._browse, self._search, self._search, self._watch])()
                await asyncio.sleep(self._draw.uniform(1, 5))

    async def _browse(self) -> None:
        page = await self._get("library", "/library?limit=50")
        if not page or not page["items"]:
            return
        chosen = self._draw.choice(page["items"])["id"]
        await asyncio.sleep(self._draw.uniform(0.5, 2))
        await self._get("recording", f"/recordings/{chosen}")
        await self._get("document", f"/recordings/{chosen}/document")
        await self._get("comments", f"/recordings/{chosen}/comments")

    async def _search(self) -> None:
        words = " ".join(self._said.some(self._draw.choice([1, 1, 2, 2, 3])))
        await self._get("search", "/search", q=words)

    async def _watch(self) -> None:
        for _ in range(3):
            both = self._get("queue", "/queue"), self._get("jobs", "/jobs?limit=100&state=waiting&state=running")
            await asyncio.gather(*both)
            await asyncio.sleep(2)

    async def _get(self, kind: str, path: str, **params: str) -> dict | None:  # type: ignore[type-arg]
        begun = time.perf_counter()
        async with self._http.get(self._url + path, params=params) as answer:
            body = await answer.read()
            self._answers.took_ms[kind].append(1000 * (time.perf_counter() - begun))
            if answer.status != 200:
                self._answers.errors.append(f"{answer.status} {path}: {body[:120]!r}")
                return None
            return await answer.json() if kind == "library" else None


async def load(url: str, tokens: list[str], lasts_s: float) -> Answers:
    answers = Answers()
    until = time.monotonic() + lasts_s
    people = [Person(url, token, answers, seed) for seed, token in enumerate(tokens)]
    await asyncio.gather(*(person.work(until) for person in people))
    return answers


def quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(100 * share) - 1]


def main() -> None:
    asked = form.arguments(__doc__ or "")
    segments, lasts_s = (QUICK_SEGMENTS, QUICK_LASTS_S) if asked.quick else (SEGMENTS, LASTS_S)
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as engine:
        form.note(f"writing {segments:,} segments")
        signed_in = fill(engine, segments)
        form.note(f"{PEOPLE} people, for {lasts_s:.0f} s")
        begun = time.monotonic()
        with web(engine.url.render_as_string(hide_password=False), Path(folder)) as url:
            answers = asyncio.run(load(url, [token for _, token in signed_in], lasts_s))
        lasted_s = time.monotonic() - begun
    for error in answers.errors[:5]:
        form.note(error)
    every = [took for kind in answers.took_ms.values() for took in kind]
    rows = [
        (kind, len(took), statistics.median(took), quantile(took, 0.95), quantile(took, 0.99))
        for kind, took in sorted(answers.took_ms.items())
    ]
    form.table(("request", "count", "p50_ms", "p95_ms", "p99_ms"), rows)
    form.close(
        "users",
        {
            "p95_ms": quantile(every, 0.95),
            "errors": len(answers.errors),
            "p50_ms": statistics.median(every),
            "p99_ms": quantile(every, 0.99),
            "search_p95_ms": quantile(answers.took_ms["search"], 0.95),
            "requests_per_s": len(every) / lasted_s,
        },
    )


if __name__ == "__main__":
    main()
