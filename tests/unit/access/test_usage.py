from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
import sqlalchemy as sa

from brickyard.access import keys
from brickyard.access.keys import NewKey
from brickyard.access.usage import Meter, table, used_on

DAY = date(2026, 11, 24)


def clock() -> datetime:
    return datetime(2026, 11, 24, 23, 59, tzinfo=UTC)


def test_amounts_add_up_over_models_flushes_and_processes(engine: sa.Engine) -> None:
    _, key = keys.create(engine, NewKey("archive", "ada"))
    one, other = Meter(engine, clock), Meter(engine, clock)
    one.add(key.id, "llm", "small", {"prompt_tokens": 10, "requests": 1})
    one.flush()
    one.add(key.id, "llm", "large", {"prompt_tokens": 5, "requests": 1})
    other.add(key.id, "llm", "small", {"prompt_tokens": 100, "requests": 1})
    one.flush()
    other.flush()
    other.flush()
    assert used_on(engine, key.id, DAY) == {"prompt_tokens": 115, "requests": 3}
    assert used_on(engine, key.id, date(2026, 11, 25)) == {}
    rows = [(row["model"], row["measure"], row["amount"]) for row in table(engine, DAY)]
    assert ("small", "prompt_tokens", 110) in rows


def test_what_is_not_written_down_yet_is_known(engine: sa.Engine) -> None:
    _, key = keys.create(engine, NewKey("archive", "ada"))
    meter = Meter(engine, clock)
    meter.add(key.id, "llm", "small", {"prompt_tokens": 10})
    meter.add(uuid4(), "llm", "small", {"prompt_tokens": 7})
    assert meter.pending(key.id) == {"prompt_tokens": 10}
    meter.flush()
    assert meter.pending(key.id) == {}
    assert used_on(engine, key.id, DAY) == {"prompt_tokens": 10}


def test_an_outage_loses_nothing(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = keys.create(engine, NewKey("archive", "ada"))
    away = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    meter = Meter(away, clock)
    meter.add(key.id, "ocr", "rapidocr", {"pages": 3})
    meter.flush()
    assert meter.pending(key.id) == {"pages": 3}
    monkeypatch.setattr(meter, "_engine", engine)
    meter.flush()
    assert used_on(engine, key.id, DAY) == {"pages": 3}
