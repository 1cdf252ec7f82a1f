"""What the API says to administrators and auditors of the platform as a whole. Sizes in bytes, times in seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from brickyard.jobs.states import JobState


class LeaseView(BaseModel):
    """Memory of a device that somebody has. `tenant`: a service or `local`; `user`: of a notebook. `kind`: resident
    (weights), working (a chunk) or notebook. `ends_at`: null where it has no time limit."""

    model_config = ConfigDict(populate_by_name=True)

    device: str
    holder: str
    tenant: str
    user: str
    priority: str = Field(alias="class")
    kind: str
    model: str | None
    bytes: int
    since: datetime
    ends_at: datetime | None


class LeaseRequestView(BaseModel):
    """Somebody who waits for memory or a slot of a device; `place` 1 is next."""

    model_config = ConfigDict(populate_by_name=True)

    device: str
    place: int
    holder: str
    tenant: str
    user: str
    priority: str = Field(alias="class")
    kind: str
    model: str | None
    bytes: int
    waits_s: float


class DeviceView(BaseModel):
    """A card, or the host's own memory. `budget_bytes` is what may be used of it; of that, weights are
    `resident_bytes`, chunks `working_bytes`, notebooks `notebook_bytes`, processes that the broker does not know
    `elsewhere_bytes`. `slots`: chunks that compute at once, null where there is no limit."""

    name: str
    budget_bytes: int
    resident_bytes: int
    working_bytes: int
    notebook_bytes: int
    elsewhere_bytes: int
    free_bytes: int
    slots: int | None
    computing: int


class CardView(BaseModel):
    devices: list[DeviceView]
    leases: list[LeaseView]
    waiting: list[LeaseRequestView]


class ModelView(BaseModel):
    """An installed model. `state`: loading, leaving, loaded, or installed where it is on no device. `resident_bytes`:
    of its weights on `device`, 0 where it is not loaded; `last_used_at`: null then."""

    name: str
    brick: str
    state: Literal["installed", "loading", "loaded", "leaving"]
    device: str | None = None
    resident_bytes: int = 0
    is_pinned: bool = False
    loaded_at: datetime | None = None
    last_used_at: datetime | None = None


class BrickView(BaseModel):
    """A process of models. `reason`: why it is not up."""

    name: str
    is_up: bool
    reason: str | None = None


class LlmModelView(BaseModel):
    name: str
    backend: str
    loaded: bool
    context_tokens: int | None
    vision: bool


class LlmView(BaseModel):
    """`default`: the model that is used where nobody names one. `troubles`: of servers that are set and away, what is
    wrong with each."""

    default: str | None
    models: list[LlmModelView]
    troubles: list[str] = []


class ClassView(BaseModel):
    """`oldest_wait_s`: how long the one that waits longest has waited; null where none does."""

    model_config = ConfigDict(populate_by_name=True)

    priority: str = Field(alias="class")
    waiting: int
    running: int
    paused: int
    oldest_wait_s: float | None


class QueueState(BaseModel):
    """`states`: jobs that are kept, by state; ended ones are deleted after some months."""

    states: dict[JobState, int]
    classes: list[ClassView]
    paused_queues: list[str]


class WorkerState(BaseModel):
    """`silent_s`: since its last sign of life."""

    host: str
    slots: int
    running: int
    started_at: datetime
    silent_s: float


class StorageView(BaseModel):
    """`disk_…`: of the disk where recordings lie. `uploads_bytes`: of uploads that have not ended."""

    recordings: int
    audio_hours: float
    recordings_bytes: int
    uploads: int
    uploads_bytes: int
    database_bytes: int
    disk_total_bytes: int
    disk_free_bytes: int


class PeopleView(BaseModel):
    """`accounts`: that may sign in. Who was active: whose browser asked for something since midnight UTC, and within
    seven days; programs with keys do not count. `sessions`: open ones."""

    accounts: int
    active_today: int
    active_7_days: int
    sessions: int


class Versions(BaseModel):
    brickyard: str
    python: str
    postgresql: str


class Overview(BaseModel):
    """The platform now. A part is null where its process does not answer; `reasons` says why, by the part's name."""

    at: datetime
    versions: Versions
    card: CardView | None
    models: list[ModelView]
    bricks: list[BrickView]
    llm: LlmView | None
    queue: QueueState
    workers: list[WorkerState]
    storage: StorageView
    people: PeopleView
    reasons: dict[str, str]


class Figures(BaseModel):
    """Jobs that ended within a time. `audio_hours`: of those that succeeded. `wait_…`: from being asked for until the
    first start; `x_realtime`: audio per second of a run, from its first start; null where no job tells."""

    ended: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    audio_hours: float = 0.0
    wait_median_s: float | None = None
    wait_p95_s: float | None = None
    x_realtime_median: float | None = None


class Bucket(Figures):
    """The hour or day from `at` on, in UTC. `classes`: the same by class, where any job of it ended."""

    at: datetime
    classes: dict[str, Figures] = {}


class Usage(BaseModel):
    """What a person or team had within the time. `bytes`: of recordings that arrived; `name`: as it is shown, the id
    where the account is gone."""

    id: str
    name: str
    jobs: int = 0
    audio_hours: float = 0.0
    recordings: int = 0
    bytes: int = 0


class History(BaseModel):
    """`buckets` leave no gap; `bucket_s` is the length of each. `total` and `classes` are over the whole time."""

    since: datetime
    until: datetime
    bucket_s: int
    buckets: list[Bucket]
    total: Figures
    classes: dict[str, Figures]
    people: list[Usage]
    teams: list[Usage]


class Keeper(BaseModel):
    """What one person, or one team, has."""

    id: str
    name: str
    recordings: int
    bytes: int
    audio_hours: float


class Keepers(BaseModel):
    """What is kept now, by who has it, the largest first; two hundred each at most."""

    people: list[Keeper]
    teams: list[Keeper]
