"""What is known of a recording once it was transcribed, beside the transcript, so that lists need not open it."""

from alembic import op

revision = "0009"
down_revision = "0008"

SCHEMA = """
ALTER TABLE recordings ADD COLUMN language text, ADD COLUMN speakers integer;
COMMENT ON COLUMN recordings.language IS 'of its transcript, ISO 639-1; null before there is one';
COMMENT ON COLUMN recordings.speakers IS 'how many its transcript names, as edited; null where nobody told them apart';

UPDATE recordings SET language = document ->> 'language',
    speakers = (SELECT nullif(count(DISTINCT speaker), 0) FROM passages
                WHERE passages.recording = recordings.id AND kind = 'transcript')
FROM transcripts WHERE transcripts.recording = recordings.id;
"""


def upgrade() -> None:
    op.execute(SCHEMA)


def downgrade() -> None:
    op.execute("ALTER TABLE recordings DROP COLUMN language, DROP COLUMN speakers")
