"""People, sessions, sharing, the audit log, retention, and the keys that recordings are sealed with."""

from alembic import op

revision = "0005"
down_revision = "0004"

SCHEMA = """
CREATE TABLE users (
    id                 text PRIMARY KEY,
    name               text NOT NULL,
    display_name       text NOT NULL DEFAULT '',
    email              text,
    roles              text[] NOT NULL DEFAULT '{analyst}',
    password           text,
    password_set_at    timestamptz,
    totp_secret        bytea,
    totp_confirmed_at  timestamptz,
    totp_last_step     bigint,
    recovery_codes     bytea[] NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    last_sign_in_at    timestamptz,
    disabled_at        timestamptz
);
CREATE UNIQUE INDEX users_name ON users (lower(name));
COMMENT ON COLUMN users.name IS 'what is typed to sign in';
COMMENT ON COLUMN users.password IS 'Argon2id, encoded with its parameters; null where another provider knows it';
COMMENT ON COLUMN users.totp_secret IS 'sealed with the master key';
COMMENT ON COLUMN users.totp_last_step IS 'the last time step whose code was used: none works twice';
COMMENT ON COLUMN users.recovery_codes IS 'SHA-256 of those that are left';
INSERT INTO users (id, name, display_name, roles)
VALUES ('local', 'operator', 'Operator', '{analyst,administrator}');

CREATE TABLE identities (
    provider    text NOT NULL,
    subject     text NOT NULL,
    user_id     text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_of ON identities (user_id);
COMMENT ON TABLE identities IS 'who a user is at an OpenID Connect provider or in a directory';

CREATE TABLE teams (
    id              uuid PRIMARY KEY,
    name            text NOT NULL,
    retention_days  integer CHECK (retention_days > 0),
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX teams_name ON teams (lower(name));

CREATE TABLE members (
    team     uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id  text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    source   text NOT NULL DEFAULT 'local',
    PRIMARY KEY (team, user_id, source)
);
CREATE INDEX members_of ON members (user_id);
COMMENT ON COLUMN members.source IS 'local, or the provider whose groups say so';

CREATE TABLE sessions (
    id               uuid PRIMARY KEY,
    user_id          text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest           bytea NOT NULL UNIQUE,
    previous_digest  bytea UNIQUE,
    rotated_at       timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    seen_at          timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    revoked_at       timestamptz,
    revoked_why      text,
    provider         text NOT NULL,
    address          text NOT NULL DEFAULT '',
    agent            text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_of ON sessions (user_id);
COMMENT ON COLUMN sessions.previous_digest IS 'of the token before the last one: still used later, one was stolen';

CREATE TABLE sign_in_failures (
    subject   text PRIMARY KEY,
    failures  integer NOT NULL,
    last_at   timestamptz NOT NULL
);
COMMENT ON COLUMN sign_in_failures.subject IS 'name:… or address:…';

CREATE TABLE links (
    digest      bytea PRIMARY KEY,
    purpose     text NOT NULL,
    user_id     text REFERENCES users (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
COMMENT ON COLUMN links.purpose IS 'first_administrator, password or sign_in';

CREATE TABLE secrets (
    name        text PRIMARY KEY,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE secrets IS 'keys that the platform made for itself, sealed with the master key';

ALTER TABLE recordings
    ADD COLUMN team            uuid REFERENCES teams (id) ON DELETE SET NULL,
    ADD COLUMN retention_days  integer CHECK (retention_days > 0),
    ADD COLUMN held_at         timestamptz,
    ADD COLUMN held_by         text,
    ADD COLUMN hold_reason     text,
    ADD COLUMN wrapped_key     bytea;
COMMENT ON COLUMN recordings.held_at IS 'legal hold: while it is set, nothing deletes the recording';
COMMENT ON COLUMN recordings.wrapped_key IS 'the key of its files, wrapped by the master key; null: not sealed';
CREATE INDEX jobs_of_recording ON jobs ((params ->> 'recording'));
CREATE INDEX recordings_by_team ON recordings (team) WHERE team IS NOT NULL;

CREATE TABLE shares (
    recording   uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    user_id     text REFERENCES users (id) ON DELETE CASCADE,
    team        uuid REFERENCES teams (id) ON DELETE CASCADE,
    level       smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((user_id IS NULL) <> (team IS NULL))
);
CREATE UNIQUE INDEX shares_with_user ON shares (recording, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX shares_with_team ON shares (recording, team) WHERE team IS NOT NULL;
CREATE INDEX shares_of_user ON shares (user_id);
COMMENT ON COLUMN shares.level IS '1 view, 2 comment, 3 edit';

CREATE VIEW reach AS
    SELECT id AS recording, owner AS user_id, 4 AS level FROM recordings
    UNION ALL
    SELECT recordings.id, members.user_id, 3 FROM recordings JOIN members ON members.team = recordings.team
    UNION ALL
    SELECT recording, user_id, level FROM shares WHERE user_id IS NOT NULL
    UNION ALL
    SELECT shares.recording, members.user_id, shares.level FROM shares JOIN members ON members.team = shares.team;
COMMENT ON VIEW reach IS 'how far a user gets with a recording, by each way: 1 view, 2 comment, 3 edit, 4 own';

CREATE TABLE audit (
    seq          bigint PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,
    actor_name   text NOT NULL,
    via          text NOT NULL,
    address      text NOT NULL,
    action       text NOT NULL,
    object_kind  text NOT NULL,
    object_id    text NOT NULL,
    outcome      text NOT NULL,
    details      jsonb NOT NULL,
    hash         bytea NOT NULL
);
CREATE INDEX audit_of_object ON audit (object_kind, object_id);
CREATE INDEX audit_of_actor ON audit (actor, seq);
COMMENT ON COLUMN audit.hash IS 'HMAC-SHA-256 of this line and the hash of the one before';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log can only be appended to';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_is_kept BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE deletions (
    recording      uuid PRIMARY KEY,
    owner          text NOT NULL,
    sha256         text NOT NULL,
    size_bytes     bigint NOT NULL,
    duration_s     double precision NOT NULL,
    created_at     timestamptz NOT NULL,
    deleted_at     timestamptz NOT NULL DEFAULT now(),
    deleted_by     text NOT NULL,
    reason         text NOT NULL,
    destroyed      jsonb NOT NULL,
    backups_until  timestamptz NOT NULL
);
COMMENT ON TABLE deletions IS 'what was deleted, without its name or content';
COMMENT ON COLUMN deletions.backups_until IS 'when the last backup that may hold it has expired';

ALTER TABLE api_keys
    ADD COLUMN bytes_per_day  bigint CHECK (bytes_per_day > 0),
    ADD COLUMN jobs_at_once   integer CHECK (jobs_at_once > 0);

CREATE TABLE oauth_clients (
    client_id                  text PRIMARY KEY,
    name                       text NOT NULL,
    secret_digest              bytea,
    redirect_uris              text[] NOT NULL,
    post_logout_redirect_uris  text[] NOT NULL DEFAULT '{}',
    scopes                     text[] NOT NULL,
    roles                      text[] NOT NULL DEFAULT '{}',
    created_at                 timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN oauth_clients.secret_digest IS 'SHA-256 of a secret of 256 random bits; null for a public client';
COMMENT ON COLUMN oauth_clients.roles IS 'who may sign in to it; empty: everybody';

CREATE TABLE oauth_codes (
    digest                 bytea PRIMARY KEY,
    client_id              text NOT NULL REFERENCES oauth_clients (client_id) ON DELETE CASCADE,
    user_id                text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session                uuid REFERENCES sessions (id) ON DELETE CASCADE,
    redirect_uri           text NOT NULL,
    scopes                 text[] NOT NULL,
    nonce                  text,
    code_challenge         text,
    code_challenge_method  text,
    auth_time              timestamptz NOT NULL,
    expires_at             timestamptz NOT NULL,
    used_at                timestamptz
);

CREATE TABLE oauth_tokens (
    digest              bytea PRIMARY KEY,
    refresh_digest      bytea UNIQUE,
    code_digest         bytea,
    client_id           text NOT NULL REFERENCES oauth_clients (client_id) ON DELETE CASCADE,
    user_id             text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session             uuid REFERENCES sessions (id) ON DELETE CASCADE,
    scopes              text[] NOT NULL,
    issued_at           timestamptz NOT NULL DEFAULT now(),
    expires_at          timestamptz NOT NULL,
    refresh_expires_at  timestamptz,
    revoked_at          timestamptz
);
CREATE INDEX oauth_tokens_family ON oauth_tokens (code_digest);
"""


TABLES = (
    "oauth_tokens",
    "oauth_codes",
    "oauth_clients",
    "deletions",
    "audit",
    "shares",
    "secrets",
    "links",
    "sign_in_failures",
    "sessions",
    "members",
    "teams",
    "identities",
    "users",
)


def upgrade() -> None:
    op.execute(SCHEMA)


def downgrade() -> None:
    op.execute("DROP VIEW reach")
    op.execute("DROP INDEX jobs_of_recording")
    op.execute("ALTER TABLE api_keys DROP COLUMN bytes_per_day, DROP COLUMN jobs_at_once")
    columns = ("team", "retention_days", "held_at", "held_by", "hold_reason", "wrapped_key")
    op.execute("ALTER TABLE recordings " + ", ".join(f"DROP COLUMN {column}" for column in columns))
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_change")
