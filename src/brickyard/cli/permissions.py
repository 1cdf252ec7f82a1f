"""`brickyard permissions`: who may do what, and which request asks for it, as tables for people and auditors."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from brickyard.access.policy import RULES, Action, Decision, Level, Role, decide
from brickyard.echo.identity import asked_by

LEVELS = (Level.OWN, Level.EDIT, Level.COMMENT, Level.VIEW)
EVERY = "all"
NOTHING = "–"
ANY_KEY = "as its dialect says: a key of the service"
PUBLIC = "open to all"

INTRODUCTION = """# Who may do what

Made by `brickyard permissions`; a test asks for every route below as every role, and compares the answers with these
tables.

A role says what one may do at all. With a recording one also needs to get far enough: *own* it, or *edit*, *comment* or
*view* it because it was shared, or *edit* it as a member of its team. *all* means everybody's. A dash: refused (403).
What is in a recording is open to nobody but those who own it or with whom it is shared: administrators and auditors see
that it is there, and administrators may delete it. Recordings that one may not even see answer as if they did not exist
(404).

An API key does what its owner may do, where it has the scope. People in the app need none.
"""


def tables(app: FastAPI) -> str:
    """Markdown."""
    return "\n".join([INTRODUCTION, "## Actions\n", *_actions(), "\n## Routes\n", *_routes(app), ""])


def may(action: Action, role: Role) -> str:
    """How far somebody with this role alone has to get with a recording: a list of levels, `all`, or a dash."""
    if decide(action, [role], Level.NONE) is Decision.ALLOWED:
        return EVERY
    allowed = [level for level in LEVELS if decide(action, [role], level) is Decision.ALLOWED]
    return ", ".join(level.name.lower() for level in allowed) or NOTHING


def routes(app: FastAPI) -> Iterator[tuple[str, str, Action | None, bool]]:
    """Method, path, its action, and whether it is open to all. Neither: its dialect asks for a key itself."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            asked = asked_by(route.dependant)
            for method in sorted(route.methods or ()):
                yield method, route.path or "", next((action for action in asked if action), None), None in asked


def _actions() -> Iterator[str]:
    heads = [role.value.replace("_", " ") for role in Role]
    yield f"| action | {' | '.join(heads)} | scope of a key | in the audit log |"
    yield "| --- |" + " --- |" * (len(heads) + 2)
    for action in Action:
        rule = RULES[action]
        cells = [may(action, role) for role in Role]
        recorded = "always" if rule.recorded else "refusals"
        yield f"| {action} | {' | '.join(cells)} | {rule.scope or NOTHING} | {recorded} |"


def _routes(app: FastAPI) -> Iterator[str]:
    yield "| route | action |"
    yield "| --- | --- |"
    for method, path, action, is_open in sorted(routes(app), key=lambda one: (one[1], one[0])):
        yield f"| {method} {path} | {action or (PUBLIC if is_open else ANY_KEY)} |"
