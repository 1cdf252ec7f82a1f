"""Comments, tags, folders and preferences."""

from alembic import op

revision = "0006"
down_revision = "0005"

SCHEMA = """
CREATE TABLE comments (
    id           uuid PRIMARY KEY,
    recording    uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    author       text NOT NULL,
    answers      uuid REFERENCES comments (id) ON DELETE CASCADE,
    at_s         double precision NOT NULL,
    text         text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    edited_at    timestamptz,
    resolved_at  timestamptz,
    resolved_by  text
);
CREATE INDEX comments_of ON comments (recording, at_s);

CREATE TABLE tags (
    recording  uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    tag        text NOT NULL,
    PRIMARY KEY (recording, tag)
);
CREATE INDEX tags_by_name ON tags (tag);

CREATE TABLE folders (
    id       uuid PRIMARY KEY,
    user_id  text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name     text NOT NULL,
    parent   uuid REFERENCES folders (id) ON DELETE CASCADE
);
CREATE INDEX folders_of ON folders (user_id);

CREATE TABLE filed (
    user_id    text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    recording  uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    folder     uuid NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, recording)
);
COMMENT ON TABLE filed IS 'each person keeps recordings in folders of their own';

CREATE TABLE preferences (
    user_id   text PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    document  jsonb NOT NULL
);

ALTER TABLE transcripts ADD COLUMN language text GENERATED ALWAYS AS (document ->> 'language') STORED;
"""


def upgrade() -> None:
    op.execute(SCHEMA)


def downgrade() -> None:
    op.execute("ALTER TABLE transcripts DROP COLUMN language")
    for table in ("preferences", "filed", "folders", "tags", "comments"):
        op.execute(f"DROP TABLE {table}")
