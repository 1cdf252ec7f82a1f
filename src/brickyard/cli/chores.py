"""What a worker does now and then beside its jobs: delete what is over, and say how far the audit log reaches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from brickyard.access.audit import Audit
from brickyard.echo.retention.service import Retention
from brickyard.kit.errors import BrickyardError
from brickyard.kit.logs import get

FIRST_AFTER_S = 30.0
SWEEP_EVERY_S = 15 * 60.0
ANCHOR_EVERY_S = 24 * 3600.0

log = get(__name__)


@contextmanager
def doing_chores(retention: Retention, audit: Audit, sweep_uploads: Callable[[], int]) -> Iterator[None]:
    """While the block runs, in a thread. Several workers take turns: one at a time sweeps."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(retention, audit, sweep_uploads, stop), daemon=True, name="chores")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _run(retention: Retention, audit: Audit, sweep_uploads: Callable[[], int], stop: threading.Event) -> None:
    anchored_at = -ANCHOR_EVERY_S
    pause_s = FIRST_AFTER_S
    while not stop.wait(pause_s):
        pause_s = SWEEP_EVERY_S
        try:
            deleted = retention.sweep()
            sweep_uploads()
            if time.monotonic() - anchored_at >= ANCHOR_EVERY_S:
                audit.log_head()
                anchored_at = time.monotonic()
        except (SQLAlchemyError, BrickyardError, OSError) as error:
            log.warning("chores are put off", reason=str(error))
            continue
        if deleted:
            log.info("recordings whose time was over are deleted", count=len(deleted))
