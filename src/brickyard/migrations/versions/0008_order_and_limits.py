"""The order that people give their waiting jobs, limits that administrators change, and indexes for charts."""

from alembic import op

revision = "0008"
down_revision = "0007"

SCHEMA = """
ALTER TABLE jobs ADD COLUMN placed_at timestamptz;
UPDATE jobs SET placed_at = created_at;
ALTER TABLE jobs ALTER COLUMN placed_at SET DEFAULT now(), ALTER COLUMN placed_at SET NOT NULL;
COMMENT ON COLUMN jobs.placed_at IS 'its place among jobs that are equal otherwise: its arrival, until its owner
orders them anew; waits are reckoned from created_at all the same';

CREATE TABLE limits (
    name        text PRIMARY KEY,
    value       double precision NOT NULL CHECK (value > 0),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text NOT NULL
);
COMMENT ON TABLE limits IS 'what administrators set; without a row, the setting or no limit holds';

CREATE INDEX recordings_by_time ON recordings (created_at);
CREATE INDEX sessions_seen ON sessions (seen_at);
"""


def upgrade() -> None:
    op.execute(SCHEMA)


def downgrade() -> None:
    op.execute("DROP INDEX sessions_seen")
    op.execute("DROP INDEX recordings_by_time")
    op.execute("DROP TABLE limits")
    op.execute("ALTER TABLE jobs DROP COLUMN placed_at")
