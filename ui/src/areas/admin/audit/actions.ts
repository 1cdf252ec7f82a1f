// What can stand in the audit log; the messages `did_…` say each in words.
export const ACTIONS = [
  "session.open", "session.close", "session.stolen", "oauth.authorize", "oauth.logout", "password.change", "password.link", "totp.set", "totp.remove", "key.make", "key.revoke",
  "recording.add", "recording.content", "recording.ask", "recording.edit", "recording.rename", "recording.transcribe", "recording.comment", "recording.tag", "recording.tagged", "recording.file", "recording.filed",
  "recording.share", "recording.shared", "recording.unshared", "recording.team", "recording.given_to_team", "recording.delete", "recording.deleted",
  "recording.retention", "recording.kept_for", "recording.hold", "recording.held", "recording.released", "recording.evidence", "recording.list_all",
  "comment.added", "comment.edited", "comment.deleted", "comment.resolved", "comment.reopened", "folder.made", "folder.changed", "folder.deleted", "search",
  "job.list_all", "job.steer", "queue.steer", "limits.change", "limits.changed", "retention.change", "retention.changed",
  "user.see", "user.add", "user.change", "user.sessions", "team.add", "team.change", "team.member", "team.remove",
  "client.see", "client.change", "audit.read", "deletions.read",
] as const;
