"""Puts the web process together: the app with everything behind its door, and the shared APIs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, FastAPI

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.ldap import LdapDirectory
from brickyard.access.master import MasterKey
from brickyard.access.oauth.provider import Provider
from brickyard.access.oauth.signing import SigningKeys
from brickyard.access.oidc import OidcProvider
from brickyard.access.people import People
from brickyard.access.policy import Action
from brickyard.access.providers import Providers, read
from brickyard.access.sessions import Sessions
from brickyard.access.sign_in import SignIn
from brickyard.access.throttle import Throttle
from brickyard.access.turnstile import Turnstile
from brickyard.bricks.llm.metrics import LlmCollector
from brickyard.bricks.translate.client import Translate
from brickyard.cli import wiring
from brickyard.cli.gateway import Gateway
from brickyard.echo import derived, revised
from brickyard.echo.accounts import routes as account_routes
from brickyard.echo.accounts.service import Accounts
from brickyard.echo.administration import limit_routes
from brickyard.echo.administration import routes as administration_routes
from brickyard.echo.administration.overview import Platform
from brickyard.echo.app import LanguageView, Surroundings, TranslationsOf, create_app
from brickyard.echo.audit import routes as audit_routes
from brickyard.echo.comments import routes as comment_routes
from brickyard.echo.comments.service import Comments
from brickyard.echo.editing import routes as editing_routes
from brickyard.echo.editing.service import Editing
from brickyard.echo.evidence import routes as evidence_routes
from brickyard.echo.evidence.service import Evidence
from brickyard.echo.exports import routes as export_routes
from brickyard.echo.exports.routes import Exports
from brickyard.echo.identity import Guard
from brickyard.echo.limits import Limits, Name
from brickyard.echo.oauth import routes as oauth_routes
from brickyard.echo.peaks import routes as peak_routes
from brickyard.echo.pipelines import Bricks
from brickyard.echo.queue.service import Queue
from brickyard.echo.recordings import library, preferences, store
from brickyard.echo.recordings.schemas import Recording, TranscribeOptions
from brickyard.echo.recordings.service import Recordings
from brickyard.echo.retention import routes as retention_routes
from brickyard.echo.search import store as search
from brickyard.echo.shelves import routes as shelf_routes
from brickyard.echo.shelves.service import Shelves
from brickyard.echo.summaries.schemas import Summary
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.translations.schemas import Translation
from brickyard.echo.uploads import routes as upload_routes
from brickyard.echo.uploads.service import Uploads
from brickyard.engines import catalog
from brickyard.engines.catalog import ModelCard
from brickyard.files.recordings import RecordingFiles
from brickyard.gpu.devices import CpuDevice, cuda
from brickyard.gpu.metrics import BrokerCollector
from brickyard.gpu.sync import SyncBrokerClient
from brickyard.gpu.wire import Message
from brickyard.jobs.job import DAY_S
from brickyard.jobs.webhook_rules import hosts
from brickyard.kit.errors import BrickyardError
from brickyard.kit.logs import get
from brickyard.kit.settings import Settings

TRANSLATIONS_KNOWN_FOR_S = 30.0
TRANSLATIONS_WITHIN_S = 2.0
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
EVERY_ADDRESS = ("0.0.0.0", "::")

log = get(__name__)


def web(settings: Settings) -> FastAPI:
    """What `brickyard serve` runs. What a crash has left of uploads is swept away first."""
    engine = wiring.database(settings, pool_size=16)
    master = wiring.master_key(settings)
    wiring.recording_files(settings, wiring.vault(settings, engine, master)).sweep(store.ids(engine))
    return application(settings, engine, master)


@dataclass(frozen=True)
class Door:
    """Everything that tells who somebody is, and who may do what."""

    guard: Guard
    accounts: Accounts
    provider: Provider

    @property
    def api(self) -> Sequence[APIRouter]:
        """Under /api/v1."""
        return account_routes.router(self.accounts), oauth_routes.admin_router(self.guard.engine)

    @property
    def roots(self) -> Sequence[APIRouter]:
        """Of the OpenID provider, whose addresses other programs know."""
        return (oauth_routes.router(self.provider, self.guard.someone, self.guard.csrf_of),)


def door(settings: Settings, engine: sa.Engine, master: MasterKey, audit: Audit) -> Door:
    people, sessions = People(engine), Sessions(engine, settings.session_hours)
    others = read(settings.sign_in_file) if settings.sign_in_file else Providers()
    directories = [LdapDirectory(one) for one in others.ldap]
    accounts = Accounts(
        people=people,
        sessions=sessions,
        sign_in=SignIn(people, sessions, Throttle(engine), master, directories, audit),
        master=master,
        audit=audit,
        address=settings.address,
        oidc=[OidcProvider(one) for one in others.oidc],
        directories={one.name: one.shown for one in others.ldap},
    )
    provider = Provider(settings.address, engine, SigningKeys(engine, master), sessions, audit)
    guard = Guard(
        engine=engine,
        people=people,
        sessions=sessions,
        turnstile=Turnstile(engine),
        audit=audit,
        csrf_key=master.derive("csrf"),
        bearer_of=provider.actor_of,
    )
    return Door(guard, accounts, provider)


def application(settings: Settings, engine: sa.Engine, master: MasterKey) -> FastAPI:
    """The web application on a database; nothing is asked of it before the first request."""
    cards = catalog.installed(settings.model_store)
    audit = wiring.audit(engine, master)
    entry = door(settings, engine, master, audit)
    vault = wiring.vault(settings, engine, master)
    files = wiring.recording_files(settings, vault)
    retention = wiring.retention(settings, engine, files, audit)
    recordings = Recordings(
        engine,
        files,
        vault,
        wiring.limits(settings),
        check=lambda options: _check(options, cards),
        erase=retention.erase,
        keep_jobs_s=settings.keep_results_days * DAY_S,
        webhook_hosts=hosts(settings.webhook_hosts),
        people=people_limits(settings, engine, audit),
    )
    evidence = Evidence(engine, audit, master, settings.model_store)
    editing = Editing(engine, audit, partial(search.index, engine))
    services = wiring.bricks(settings)
    gateway = Gateway(settings, entry.guard.turnstile, files, wiring.limits(settings), services, cards)
    broker_client = SyncBrokerClient(settings.broker_address, "web", patience_s=1.0, token=settings.broker_token)
    around = Surroundings(
        guard=entry.guard,
        llm=services.llm,
        collectors=[BrokerCollector(broker_client.status), LlmCollector(settings.brick_socket("llm"))],
        before=[exports(engine)],
        api=[
            *entry.api,
            comment_routes.router(Comments(engine, audit)),
            shelf_routes.router(Shelves(engine, audit)),
            peak_routes.router(files),
            library.router(engine),
            preferences.router(engine),
            audit_routes.router(audit),
            retention_routes.router(retention),
            evidence_routes.router(evidence),
            editing_routes.router(editing),
            upload_routes.router(uploads(settings, recordings, master, entry.guard)),
            limit_routes.router(people_limits(settings, engine, audit)),
            administration_routes.router(platform(settings, engine, services, cards, broker_client)),
        ],
        shared=[*entry.roots, *gateway.routers],
        lifespan=partial(_running, gateway, editing),
        hosts=own_names(settings),
        is_secure=settings.address.startswith("https://"),
        translations=offered_translations(services.translate),
    )
    return create_app(
        recordings, queue(settings, engine, files, broker_client.status), offered_languages(cards), around
    )


@asynccontextmanager
async def _running(gateway: Gateway, editing: Editing, app: FastAPI) -> AsyncIterator[None]:
    await asyncio.to_thread(editing.catch_up)
    async with gateway.running(app):
        yield
    await asyncio.to_thread(editing.close)


def uploads(settings: Settings, recordings: Recordings, master: MasterKey, guard: Guard) -> Uploads:
    """What they become is audited and counted as it is for recordings that come in one request."""

    def met(actor: Actor, recording: Recording) -> None:
        guard.audit.append(entry_of(actor, Action.RECORDING_ADD, object_kind="recording", object_id=recording.id))
        guard.meter(actor, "recordings", requests=1, bytes=recording.size_bytes, audio_s=recording.duration_s)

    return Uploads(recordings, master, wiring.uploads_dir(settings), met)


def people_limits(settings: Settings, engine: sa.Engine, audit: Audit) -> Limits:
    ceilings = {
        Name.UPLOAD_BYTES: settings.max_upload_bytes,
        Name.DURATION_S: settings.max_duration_s,
        Name.RUNNING_JOBS: settings.running_jobs,
    }
    return Limits(engine, ceilings, audit)


def platform(
    settings: Settings, engine: sa.Engine, services: Bricks, cards: list[ModelCard], broker: SyncBrokerClient
) -> Platform:
    """What administrators see of it."""
    bricks = (services.asr, services.diarize, services.ocr, services.translate)
    return Platform(engine, broker.status, bricks, services.llm, cards, settings.files_dir)


def exports(engine: sa.Engine) -> APIRouter:
    """Before the features' own routes, which know text formats alone."""

    def translation_of(recording: UUID, language: str) -> Translation:
        return derived.get(engine, recording, "translation", language, Translation)

    def summary_of(recording: UUID, template: str) -> Summary:
        return derived.get(engine, recording, "summary", template, Summary)

    def revision_of(recording: UUID, number: int) -> str:
        with engine.connect() as connection:
            return revised.described(connection, recording, number)

    transcript_of = partial(transcripts.get, engine)
    return export_routes.router(Exports(engine, transcript_of, translation_of, summary_of, revision_of))


def queue(
    settings: Settings, engine: sa.Engine, files: RecordingFiles, card: Callable[[], Message] | None = None
) -> Queue:
    own_slots = CpuDevice(threads=settings.brick_threads).slots if settings.device == "cpu" else cuda.SLOTS
    slots = settings.device_slots or own_slots
    pipelines = wiring.known_pipelines(settings, engine, files)
    return Queue(engine, pipelines, settings.running_jobs, device_slots=float(slots), card=card)


def own_names(settings: Settings) -> list[str]:
    """Under which names the platform answers: a page elsewhere whose name leads here must not get in by that."""
    public = urlsplit(settings.address).hostname or settings.host
    if settings.host in EVERY_ADDRESS and settings.public_url is None:
        log.warning("the platform answers under every name; set BRICKYARD_PUBLIC_URL to its own")
        return ["*"]
    return sorted({public, settings.host, *LOCAL_NAMES})


def offered_translations(translate: Translate) -> TranslationsOf:
    """Asked of the brick every half minute at most; what it said last stands where it does not answer."""
    known: dict[str, list[str]] = {}
    asked_at = -math.inf

    async def offered() -> dict[str, list[str]]:
        nonlocal known, asked_at
        if time.monotonic() - asked_at < TRANSLATIONS_KNOWN_FOR_S:
            return known
        try:
            async with asyncio.timeout(TRANSLATIONS_WITHIN_S):
                pairs = (await translate.languages()).pairs
        except (BrickyardError, TimeoutError) as error:
            log.warning("which languages can be translated is not known", reason=str(error))
            return known
        known, asked_at = {}, time.monotonic()
        for pair in pairs:
            known.setdefault(pair.source, []).append(pair.target)
        return known

    return offered


def offered_languages(cards: list[ModelCard]) -> list[LanguageView]:
    """Just the languages that installed models have."""
    by_code: dict[str, list[str]] = {}
    for card in cards:
        if card.brick == "asr":
            for code in card.languages:
                by_code.setdefault(code, []).append(card.name)
    return [LanguageView(code=code, models=sorted(names)) for code, names in sorted(by_code.items())]


def _check(options: TranscribeOptions, cards: list[ModelCard]) -> None:
    catalog.recognizer_for(options.language, cards)
