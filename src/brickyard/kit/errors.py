"""The one family of errors that users may see.

    BrickyardError
    ├── BadInput          400  the request or the file is wrong; sending it again will not help
    │   └── BadMedia      422  the file is not what it should be: no audio, truncated, wrong kind, too long
    ├── Unauthenticated   401  nobody said who is asking, or the key is not known
    ├── Forbidden         403  the key may not do this
    ├── NotFound          404
    ├── Conflict          409  the thing is in a state that forbids this; the message names the state
    ├── TooLarge          413  a limit was passed; the message names the limit and the value seen
    ├── Unsupported       422  no installed engine can do this; the message names the one that would
    ├── TooManyRequests   429  a rate or quota is used up; `retry_after_s` says when there is more
    └── Unavailable       503  a part is not there now; trying again may help
        ├── Busy          503  the queue is full; `retry_after_s` says when to come again
        ├── LeaseLost     503  the broker took the lease back, or the connection to it broke
        └── OutOfMemory   503  the device had no room for the chunk

Each has an HTTP status, a stable code for programs, and a message that says what was wrong, what is allowed and
what to do. Foreign errors are translated into these where they enter. `transient` says whether a retry may help.
"""

from __future__ import annotations


class BrickyardError(Exception):
    """Base of all errors that carry a message for a person."""

    status = 500
    code = "internal"
    transient = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInput(BrickyardError):
    status = 400
    code = "bad_input"


class BadMedia(BadInput):
    status = 422
    code = "bad_media"


class Unauthenticated(BrickyardError):
    status = 401
    code = "unauthenticated"


class Forbidden(BrickyardError):
    status = 403
    code = "forbidden"


class NotFound(BrickyardError):
    status = 404
    code = "not_found"


class Conflict(BrickyardError):
    status = 409
    code = "conflict"


class TooLarge(BrickyardError):
    status = 413
    code = "too_large"


class Unsupported(BrickyardError):
    status = 422
    code = "unsupported"


class TooManyRequests(BrickyardError):
    status = 429
    code = "too_many_requests"
    transient = True

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(BrickyardError):
    status = 503
    code = "unavailable"
    transient = True


class Busy(Unavailable):
    code = "busy"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LeaseLost(Unavailable):
    code = "lease_lost"


class OutOfMemory(Unavailable):
    code = "out_of_memory"


def by_code(code: str, message: str) -> BrickyardError:
    """The error that a code received from another process stands for; unknown codes give the base class."""
    pending: list[type[BrickyardError]] = [BrickyardError]
    while pending:
        kind = pending.pop()
        if kind.code == code:
            return kind(message)
        pending.extend(kind.__subclasses__())
    return BrickyardError(message)
