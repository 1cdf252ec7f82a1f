"""Where a process's own metrics are registered, and the type of their page."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

registry = CollectorRegistry()
