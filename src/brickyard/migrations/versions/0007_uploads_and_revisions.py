"""Uploads that can be resumed, and revisions of transcripts."""

from alembic import op

revision = "0007"
down_revision = "0006"

SCHEMA = """
CREATE TABLE uploads (
    id            uuid PRIMARY KEY,
    owner         text NOT NULL,
    credential    text NOT NULL,
    name          text NOT NULL,
    fields        jsonb NOT NULL,
    length_bytes  bigint NOT NULL CHECK (length_bytes >= 0),
    offset_bytes  bigint NOT NULL DEFAULT 0,
    wrapped_key   bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    recording     uuid,
    job           uuid,
    error         jsonb,
    CHECK (offset_bytes BETWEEN 0 AND length_bytes)
);
CREATE INDEX uploads_of ON uploads (owner, created_at DESC);
COMMENT ON COLUMN uploads.offset_bytes IS 'so many bytes are on the disk for good';

CREATE TABLE revisions (
    recording  uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    number     integer NOT NULL CHECK (number > 0),
    job        uuid NOT NULL,
    author     text NOT NULL,
    kind       text NOT NULL,
    batch      text,
    at         timestamptz NOT NULL DEFAULT now(),
    changes    jsonb NOT NULL,
    rejected   jsonb NOT NULL DEFAULT '[]',
    document   jsonb,
    PRIMARY KEY (recording, number),
    UNIQUE (recording, batch)
);
COMMENT ON COLUMN revisions.job IS 'whose transcript it stands on';
COMMENT ON COLUMN revisions.kind IS 'machine, edit, restore or redo';
COMMENT ON COLUMN revisions.batch IS 'the id that the author''s browser gave: what is sent again is not done again';
COMMENT ON COLUMN revisions.rejected IS 'what could not be made as others had changed the same; nothing typed is lost';
COMMENT ON COLUMN revisions.document IS 'the whole, kept now and then; between them, changes are played';
"""


def upgrade() -> None:
    op.execute(SCHEMA)


def downgrade() -> None:
    for table in ("revisions", "uploads"):
        op.execute(f"DROP TABLE {table}")
