"""Seconds of the device itself, beside those by the clock, which waiting behind other jobs lengthens.

And starts of jobs by time: whose turn it is rests on those of the last hours, however many jobs are kept.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = (("chunks", "device_s"), ("steps", "device_s"), ("rates", "device_s_per_s"))

NOTES = (
    "COMMENT ON COLUMN steps.busy_s IS 'seconds by the clock behind work_done_s, waiting for the device among them'",
    "COMMENT ON COLUMN steps.device_s IS 'seconds that the device computed behind work_done_s, without waiting'",
    "COMMENT ON COLUMN rates.device_s_per_s IS "
    "'measured seconds of the device for a second of work, moving average; 0 where it uses none, or none was measured'",
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} double precision NOT NULL DEFAULT 0")
    for note in NOTES:
        op.execute(note)
    op.execute("CREATE INDEX jobs_by_start ON jobs (admitted_at) WHERE admitted_at IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX jobs_by_start")
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
