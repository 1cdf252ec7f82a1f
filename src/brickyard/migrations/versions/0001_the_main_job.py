"""Recordings, jobs with their steps and chunks, workers, queues, schedules and transcripts."""

from alembic import op

revision = "0001"
down_revision = None

SCHEMA = """
CREATE TABLE recordings (
    id          uuid PRIMARY KEY,
    owner       text NOT NULL,
    name        text NOT NULL,
    sha256      text NOT NULL,
    size_bytes  bigint NOT NULL,
    container   text NOT NULL,
    duration_s  double precision NOT NULL,
    has_video   boolean NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX recordings_by_owner ON recordings (owner, created_at DESC);

CREATE TABLE queues (
    name          text PRIMARY KEY,
    paused        boolean NOT NULL DEFAULT false,
    weight        double precision NOT NULL DEFAULT 1 CHECK (weight > 0),
    running_jobs  integer CHECK (running_jobs > 0),
    starts        integer CHECK (starts > 0),
    per_s         double precision NOT NULL DEFAULT 60 CHECK (per_s > 0)
);
COMMENT ON COLUMN queues.starts IS 'rate limit: at most so many jobs start within per_s seconds; null is no limit';
INSERT INTO queues (name) VALUES ('default');

CREATE TABLE workers (
    id          text PRIMARY KEY,
    host        text NOT NULL,
    pid         integer NOT NULL,
    slots       integer NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    beat_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobs (
    id             uuid PRIMARY KEY,
    pipeline       text NOT NULL,
    queue          text NOT NULL DEFAULT 'default' REFERENCES queues (name),
    owner          text NOT NULL,
    priority       smallint NOT NULL,
    params         jsonb NOT NULL,
    work_s         double precision NOT NULL DEFAULT 0,
    unique_key     text,
    state          text NOT NULL DEFAULT 'waiting',
    wanted         text,
    attempts       integer NOT NULL DEFAULT 0,
    max_attempts   integer NOT NULL,
    crashes        integer NOT NULL DEFAULT 0,
    run_after      timestamptz NOT NULL DEFAULT now(),
    deadline       timestamptz,
    timeout_s      double precision,
    created_at     timestamptz NOT NULL DEFAULT now(),
    admitted_at    timestamptz,
    started_at     timestamptz,
    ended_at       timestamptz,
    keep_for_s     double precision NOT NULL,
    worker         text,
    has_workflow   boolean NOT NULL DEFAULT false,
    error_code     text,
    error_message  text,
    warnings       jsonb NOT NULL DEFAULT '[]',
    result         jsonb
);
COMMENT ON COLUMN jobs.work_s IS 'how much there is to do, in seconds of audio; 0 where that has no meaning';
COMMENT ON COLUMN jobs.wanted IS 'what was asked of a running job: pause, cancel or yield; done at its next chunk';
CREATE INDEX jobs_alive ON jobs (state) WHERE state IN ('waiting', 'running', 'paused');
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX jobs_by_time ON jobs (created_at DESC);
CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE state IN ('waiting', 'running', 'paused');

CREATE TABLE steps (
    job           uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    name          text NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    chunks_done   integer NOT NULL DEFAULT 0,
    chunks_total  integer,
    work_done_s   double precision NOT NULL DEFAULT 0,
    work_total_s  double precision,
    busy_s        double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (job, name)
);
COMMENT ON COLUMN steps.busy_s IS 'seconds of computing behind work_done_s; their ratio is the measured speed';

CREATE TABLE chunks (
    job         uuid NOT NULL,
    step        text NOT NULL,
    index       integer NOT NULL,
    result      jsonb NOT NULL,
    worker      text NOT NULL,
    busy_s      double precision NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job, step, index),
    FOREIGN KEY (job, step) REFERENCES steps (job, name) ON DELETE CASCADE
);

CREATE TABLE rates (
    step        text NOT NULL,
    host        text NOT NULL,
    x_realtime  double precision NOT NULL,
    samples     integer NOT NULL,
    PRIMARY KEY (step, host)
);
COMMENT ON TABLE rates IS 'measured speed of finished steps: seconds of audio per second, moving average';

CREATE TABLE groups (
    name        text NOT NULL,
    item        text NOT NULL,
    owner       text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, item)
);

CREATE TABLE schedules (
    name      text PRIMARY KEY,
    every_s   double precision NOT NULL CHECK (every_s >= 1),
    next_at   timestamptz NOT NULL,
    job       jsonb NOT NULL
);

CREATE TABLE transcripts (
    recording   uuid PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE,
    job         uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    document    jsonb NOT NULL
);
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    tables = ("transcripts", "schedules", "groups", "rates", "chunks", "steps", "jobs", "workers", "queues")
    for table in (*tables, "recordings"):
        op.execute(f"DROP TABLE {table}")
