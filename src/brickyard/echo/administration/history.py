"""What was done of late, by the hour or by the day, out of the jobs that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from brickyard.echo.administration.schemas import Bucket, Figures, History, Usage
from brickyard.echo.derived import HEARD
from brickyard.jobs.states import Priority

HOUR_S, DAY_S = 3600, 86_400
MOST_NAMES = 200
"""Of people and of teams: those who had most."""


class Hours(IntEnum):
    DAY = 24
    WEEK = 168
    MONTH = 720


FIGURES = sa.text(f"""
    SELECT at, priority, grouping(at) = 1 AS is_whole, grouping(priority) = 1 AS is_all,
           count(*) AS ended,
           count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
           coalesce(sum(work_s) FILTER (WHERE state = 'succeeded' AND {HEARD}), 0) / 3600 AS audio_hours,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at))
               AS waits_s,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY work_s / extract(epoch FROM ended_at - started_at))
               FILTER (WHERE state = 'succeeded' AND {HEARD} AND work_s > 0 AND ended_at > started_at) AS x_realtime
    FROM (SELECT *, date_bin(make_interval(secs => :bucket_s), ended_at, :since) AS at
          FROM jobs WHERE ended_at >= :since AND ended_at < :until) AS ended
    GROUP BY GROUPING SETS ((at, priority), (at), (priority), ())""")
"""Jobs that were never started have no wait: percentiles leave them out."""

DONE = f"""
    SELECT {{who}} AS id, count(*) AS jobs,
           coalesce(sum(work_s) FILTER (WHERE state = 'succeeded' AND {HEARD}), 0) / 3600 AS audio_hours
    FROM jobs {{join}} WHERE ended_at >= :since AND ended_at < :until AND {{who}} IS NOT NULL GROUP BY 1"""

ARRIVED = """
    SELECT {who} AS id, count(*) AS recordings, sum(size_bytes)::bigint AS bytes
    FROM recordings WHERE created_at >= :since AND created_at < :until AND {who} IS NOT NULL GROUP BY 1"""

USAGE = """
    SELECT coalesce(done.id, arrived.id) AS id, coalesce(nullif(named.{shown}, ''), named.name) AS name,
           coalesce(jobs, 0) AS jobs, coalesce(audio_hours, 0) AS audio_hours,
           coalesce(recordings, 0) AS recordings, coalesce(bytes, 0) AS bytes
    FROM ({done}) AS done FULL JOIN ({arrived}) AS arrived USING (id)
    LEFT JOIN {table} AS named ON named.id = coalesce(done.id, arrived.id)
    ORDER BY audio_hours DESC, bytes DESC, id LIMIT :most"""

OF_PEOPLE = sa.text(
    USAGE.format(
        done=DONE.format(who="owner", join=""), arrived=ARRIVED.format(who="owner"), table="users", shown="display_name"
    )
)
OF_TEAMS = sa.text(
    USAGE.format(
        done=DONE.format(who="team", join="JOIN recordings ON recordings.id = CAST(params ->> 'recording' AS uuid)"),
        arrived=ARRIVED.format(who="team"),
        table="teams",
        shown="name",
    )
)


def read(engine: sa.Engine, hours: Hours, now: datetime) -> History:
    """Of the time up to the end of the hour (or day, in UTC) that is under way."""
    bucket_s = HOUR_S if hours is Hours.DAY else DAY_S
    since, until = span(hours, bucket_s, now)
    values: dict[str, Any] = {"since": since, "until": until, "bucket_s": bucket_s}
    with engine.connect() as connection:
        rows = connection.execute(FIGURES, values).all()
        people = connection.execute(OF_PEOPLE, {**values, "most": MOST_NAMES}).all()
        teams = connection.execute(OF_TEAMS, {**values, "most": MOST_NAMES}).all()
    total, classes, buckets = _gathered(rows, _empty(since, until, bucket_s))
    return History(
        since=since,
        until=until,
        bucket_s=bucket_s,
        buckets=list(buckets.values()),
        total=total,
        classes=classes,
        people=[_usage(row) for row in people],
        teams=[_usage(row) for row in teams],
    )


def _empty(since: datetime, until: datetime, bucket_s: int) -> dict[datetime, Bucket]:
    moments = (since + timedelta(seconds=at) for at in range(0, int((until - since).total_seconds()), bucket_s))
    return {at: Bucket(at=at) for at in moments}


def _gathered(
    rows: Iterable[sa.Row[Any]], buckets: dict[datetime, Bucket]
) -> tuple[Figures, dict[str, Figures], dict[datetime, Bucket]]:
    """The whole, the whole by class, and the buckets with what is in them."""
    total, classes = Figures(), dict[str, Figures]()
    for row in rows:
        told = _figures(row)
        if row.is_whole and row.is_all:
            total = Figures(**told)
        elif row.is_whole:
            classes[_name(row.priority)] = Figures(**told)
        elif row.is_all:
            buckets[row.at] = Bucket(at=row.at, classes=buckets[row.at].classes, **told)
        else:
            buckets[row.at].classes[_name(row.priority)] = Figures(**told)
    return total, classes, buckets


def span(hours: int, bucket_s: int, now: datetime) -> tuple[datetime, datetime]:
    """Whole buckets, the last of which is under way."""
    begun = int(now.timestamp()) // bucket_s * bucket_s
    until = datetime.fromtimestamp(begun + bucket_s, now.tzinfo)
    return until - timedelta(hours=hours), until


def _figures(row: sa.Row[Any]) -> dict[str, Any]:
    median_s, p95_s = row.waits_s or (None, None)
    return {name: getattr(row, name) for name in ("ended", "succeeded", "failed", "cancelled", "audio_hours")} | {
        "wait_median_s": _rounded(median_s),
        "wait_p95_s": _rounded(p95_s),
        "x_realtime_median": _rounded(row.x_realtime),
    }


def _usage(row: sa.Row[Any]) -> Usage:
    told = dict(row._mapping)
    return Usage(**{**told, "id": str(row.id), "name": row.name or str(row.id)})


def _name(priority: int) -> str:
    return Priority(priority).name.lower()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 2)
