"""What is made of a recording beside its transcript, the search over it, API keys and webhooks."""

from alembic import op

revision = "0004"
down_revision = "0003"

SCHEMA = """
CREATE TABLE derived (
    recording   uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    kind        text NOT NULL,
    variant     text NOT NULL DEFAULT '',
    job         uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    document    jsonb NOT NULL,
    PRIMARY KEY (recording, kind, variant)
);
COMMENT ON COLUMN derived.kind IS 'screen, translation, summary or coverage';
COMMENT ON COLUMN derived.variant IS 'the language of a translation, the template of a summary';

CREATE TABLE passages (
    recording   uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    kind        text NOT NULL,
    variant     text NOT NULL DEFAULT '',
    index       integer NOT NULL,
    start_s     double precision NOT NULL,
    end_s       double precision NOT NULL,
    speaker     text,
    text        text NOT NULL,
    words       tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED,
    PRIMARY KEY (recording, kind, variant, index)
);
COMMENT ON TABLE passages IS 'everything that can be searched for, each with its moment';
CREATE INDEX passages_words ON passages USING gin (words);

CREATE TABLE api_keys (
    id                   uuid PRIMARY KEY,
    name                 text NOT NULL,
    owner                text NOT NULL,
    prefix               text NOT NULL,
    digest               bytea NOT NULL UNIQUE,
    scopes               text[] NOT NULL,
    is_admin             boolean NOT NULL DEFAULT false,
    priority             text NOT NULL DEFAULT 'standard',
    requests_per_minute  integer CHECK (requests_per_minute > 0),
    tokens_per_day       bigint CHECK (tokens_per_day > 0),
    audio_s_per_day      double precision CHECK (audio_s_per_day > 0),
    created_at           timestamptz NOT NULL DEFAULT now(),
    expires_at           timestamptz,
    revoked_at           timestamptz
);
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the key, which has 256 random bits and is kept nowhere';

CREATE TABLE usage (
    key      uuid NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    day      date NOT NULL,
    service  text NOT NULL,
    model    text NOT NULL,
    measure  text NOT NULL,
    amount   double precision NOT NULL,
    PRIMARY KEY (key, day, service, model, measure)
);
COMMENT ON COLUMN usage.measure IS 'requests, prompt_tokens, completion_tokens, audio_s, letters or pages';

CREATE TABLE webhooks (
    job     uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    url     text NOT NULL,
    secret  text NOT NULL,
    PRIMARY KEY (job, url)
);

CREATE TABLE deliveries (
    id            uuid PRIMARY KEY,
    job           uuid NOT NULL,
    url           text NOT NULL,
    secret        text NOT NULL,
    body          text NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    delivered_at  timestamptz,
    last_error    text,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE delivered_at IS NULL;
"""


def upgrade() -> None:
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in ("deliveries", "webhooks", "usage", "api_keys", "passages", "derived"):
        op.execute(f"DROP TABLE {table}")
