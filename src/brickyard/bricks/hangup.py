"""Work for a caller who may leave: it ends when he does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive


async def while_there(receive: Receive, work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work was done; if not, the caller hung up, and it was cancelled. The body has to be read before."""
    working = asyncio.create_task(work)
    gone = asyncio.create_task(gone_away(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return False
        working.result()
        return True
    finally:
        gone.cancel()
        working.cancel()
        await asyncio.wait({gone, working})
        if not working.cancelled():
            working.exception()  # it was raised above, or nobody is there to hear of it


async def gone_away(receive: Receive) -> None:
    """Returns when the caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
