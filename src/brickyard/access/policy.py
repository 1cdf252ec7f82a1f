"""Who may do what: one table, and one function that reads it. Pure.

A rule says which roles may do a thing at all, and, where it is done to a recording, how far one has to get with that
recording: view, comment, edit or own. Roles in `over` may do it to everybody's. What one may not even see does not
exist for that person; what one may see but not do is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from brickyard.access.keys import Scope


class Role(StrEnum):
    ANALYST = "analyst"
    DATA_SCIENTIST = "data_scientist"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Level(IntEnum):
    """How far somebody gets with a recording. Members of its team edit it; shares say which."""

    NONE = 0
    VIEW = 1
    COMMENT = 2
    EDIT = 3
    OWN = 4


class Decision(StrEnum):
    ALLOWED = "allowed"
    REFUSED = "refused"
    HIDDEN = "hidden"
    """As refused, but told as if the thing did not exist."""


class Action(StrEnum):
    """Everything that can be asked of the platform. The name is what the audit log says."""

    SELF = "self"
    ACCOUNT = "account"
    PLATFORM_INFO = "platform.info"
    METRICS = "platform.metrics"
    PLATFORM_SEE = "platform.see"
    LIMITS_CHANGE = "limits.change"
    RETENTION_CHANGE = "retention.change"

    RECORDING_ADD = "recording.add"
    RECORDING_UPLOAD = "recording.upload"
    RECORDING_LIST = "recording.list"
    RECORDING_LIST_ALL = "recording.list_all"
    RECORDING_SEE = "recording.see"
    RECORDING_CONTENT = "recording.content"
    RECORDING_ASK = "recording.ask"
    RECORDING_COMMENT = "recording.comment"
    RECORDING_TAG = "recording.tag"
    RECORDING_FILE = "recording.file"
    RECORDING_EDIT = "recording.edit"
    RECORDING_RENAME = "recording.rename"
    RECORDING_TRANSCRIBE = "recording.transcribe"
    RECORDING_DELETE = "recording.delete"
    RECORDING_SHARES = "recording.shares"
    RECORDING_SHARE = "recording.share"
    RECORDING_TEAM = "recording.team"
    RECORDING_RETENTION = "recording.retention"
    RECORDING_HOLD = "recording.hold"
    RECORDING_EVIDENCE = "recording.evidence"
    FOLDERS = "folders"
    SEARCH = "search"

    JOB_LIST = "job.list"
    JOB_LIST_ALL = "job.list_all"
    JOB_SEE = "job.see"
    JOB_STEER = "job.steer"
    QUEUE_SEE = "queue.see"
    QUEUE_STEER = "queue.steer"

    PEOPLE_FIND = "people.find"
    USER_SEE = "user.see"
    USER_CHANGE = "user.change"
    TEAM_SEE = "team.see"
    TEAM_CHANGE = "team.change"
    CLIENT_SEE = "client.see"
    CLIENT_CHANGE = "client.change"
    AUDIT_READ = "audit.read"
    DELETIONS_READ = "deletions.read"


EVERYBODY = frozenset(Role)
USERS = frozenset({Role.ANALYST, Role.DATA_SCIENTIST})
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})
AUDITORS = frozenset({Role.AUDITOR})
NOBODY: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """`roles` may do it, to a recording from `level` on; those `over` may do it to every recording.

    `scope`: what an API key needs for it; None: no key can. `recorded`: whether the audit log tells of it.
    """

    roles: frozenset[Role]
    level: Level = Level.NONE
    over: frozenset[Role] = NOBODY
    scope: Scope | None = Scope.RECORDINGS
    recorded: bool = True

    @property
    def is_about_a_recording(self) -> bool:
        return self.level is not Level.NONE


RULES: dict[Action, Rule] = {
    Action.SELF: Rule(EVERYBODY, recorded=False),
    # A key that leaked must not become the account.
    Action.ACCOUNT: Rule(EVERYBODY, scope=None, recorded=False),
    Action.PLATFORM_INFO: Rule(EVERYBODY, recorded=False),
    Action.METRICS: Rule(ADMINISTRATORS | AUDITORS, scope=Scope.METRICS, recorded=False),
    # A page that looks again every few seconds.
    Action.PLATFORM_SEE: Rule(ADMINISTRATORS | AUDITORS, scope=Scope.ADMIN, recorded=False),
    Action.LIMITS_CHANGE: Rule(ADMINISTRATORS, scope=Scope.ADMIN),
    Action.RETENTION_CHANGE: Rule(ADMINISTRATORS, scope=Scope.ADMIN),
    Action.RECORDING_ADD: Rule(USERS),
    # The pieces of one that was allowed to be added.
    Action.RECORDING_UPLOAD: Rule(USERS, recorded=False),
    Action.RECORDING_LIST: Rule(USERS, recorded=False),
    Action.RECORDING_LIST_ALL: Rule(ADMINISTRATORS | AUDITORS, scope=Scope.ADMIN),
    Action.RECORDING_SEE: Rule(USERS, Level.VIEW, over=ADMINISTRATORS | AUDITORS, recorded=False),
    Action.RECORDING_CONTENT: Rule(USERS, Level.VIEW),
    Action.RECORDING_ASK: Rule(USERS, Level.VIEW),
    Action.RECORDING_COMMENT: Rule(USERS, Level.COMMENT),
    Action.RECORDING_TAG: Rule(USERS, Level.EDIT),
    Action.RECORDING_FILE: Rule(USERS, Level.VIEW),
    # Saved every second: the service records it once in ten minutes, and each revision says who made it.
    Action.RECORDING_EDIT: Rule(USERS, Level.EDIT, recorded=False),
    Action.RECORDING_RENAME: Rule(USERS, Level.EDIT),
    Action.RECORDING_TRANSCRIBE: Rule(USERS, Level.EDIT),
    Action.RECORDING_DELETE: Rule(USERS, Level.OWN, over=ADMINISTRATORS),
    Action.RECORDING_SHARES: Rule(USERS, Level.VIEW, over=ADMINISTRATORS | AUDITORS, recorded=False),
    Action.RECORDING_SHARE: Rule(USERS, Level.OWN),
    Action.RECORDING_TEAM: Rule(USERS, Level.OWN),
    Action.RECORDING_RETENTION: Rule(USERS, Level.OWN, over=ADMINISTRATORS),
    Action.RECORDING_HOLD: Rule(NOBODY, Level.OWN, over=ADMINISTRATORS | AUDITORS),
    Action.RECORDING_EVIDENCE: Rule(USERS, Level.OWN),
    Action.FOLDERS: Rule(USERS, recorded=False),
    Action.SEARCH: Rule(USERS),
    Action.JOB_LIST: Rule(EVERYBODY, recorded=False),
    Action.JOB_LIST_ALL: Rule(ADMINISTRATORS | AUDITORS, scope=Scope.ADMIN),
    Action.JOB_SEE: Rule(USERS, Level.VIEW, over=ADMINISTRATORS | AUDITORS, recorded=False),
    Action.JOB_STEER: Rule(USERS, Level.EDIT, over=ADMINISTRATORS),
    Action.QUEUE_SEE: Rule(EVERYBODY, recorded=False),
    Action.QUEUE_STEER: Rule(ADMINISTRATORS, scope=Scope.ADMIN),
    Action.PEOPLE_FIND: Rule(EVERYBODY, scope=None, recorded=False),
    Action.USER_SEE: Rule(ADMINISTRATORS | AUDITORS, scope=Scope.ADMIN),
    Action.USER_CHANGE: Rule(ADMINISTRATORS, scope=Scope.ADMIN),
    # Members see who else is one; of other teams, administrators and auditors alone.
    Action.TEAM_SEE: Rule(EVERYBODY, recorded=False),
    Action.TEAM_CHANGE: Rule(ADMINISTRATORS, scope=Scope.ADMIN),
    Action.CLIENT_SEE: Rule(ADMINISTRATORS | AUDITORS, scope=Scope.ADMIN),
    Action.CLIENT_CHANGE: Rule(ADMINISTRATORS, scope=Scope.ADMIN),
    Action.AUDIT_READ: Rule(AUDITORS, scope=None),
    Action.DELETIONS_READ: Rule(ADMINISTRATORS | AUDITORS, scope=Scope.ADMIN),
}


def decide(action: Action, roles: Iterable[Role], level: Level = Level.NONE) -> Decision:
    """Whether somebody with these roles, who gets so far with the recording, may do it."""
    rule = RULES[action]
    own = frozenset(roles)
    if own & rule.over:
        return Decision.ALLOWED
    if not rule.is_about_a_recording:
        return Decision.ALLOWED if own & rule.roles else Decision.REFUSED
    if level is Level.NONE:
        return Decision.REFUSED if own & RULES[Action.RECORDING_SEE].over else Decision.HIDDEN
    return Decision.ALLOWED if own & rule.roles and level >= rule.level else Decision.REFUSED
