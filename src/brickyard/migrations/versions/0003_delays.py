"""What was foretold of a job when it came, and by how much longer jobs of its class take."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE foretold (
            job uuid PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
            seconds double precision NOT NULL
        )""")
    op.execute("COMMENT ON COLUMN foretold.seconds IS 'from submission to the end, by the policy played forward'")
    op.execute("""
        CREATE TABLE delays (
            priority integer PRIMARY KEY,
            factor double precision NOT NULL CHECK (factor > 0),
            samples integer NOT NULL
        )""")
    op.execute("COMMENT ON COLUMN delays.factor IS 'true time over foretold time, geometric moving average'")


def downgrade() -> None:
    op.execute("DROP TABLE delays")
    op.execute("DROP TABLE foretold")
