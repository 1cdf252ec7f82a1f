"""Switches that keep libraries from reporting to their makers, fetching models and looking for updates.

docs/howto/close-the-network.md says for each of them what it stops, and where that was seen. Imports nothing but the
standard library: the switches have to be set before the libraries that read them are loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

QUIET: Mapping[str, str] = MappingProxyType(
    {
        # ONNX Runtime sends events from its own machine code, where nothing in Python sees them.
        "ORT_DISABLE_TELEMETRY": "1",
        # The client of model hubs, which comes with faster-whisper and tokenizers, and its transfer library.
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        # pyannote.audio counts its uses where nobody says no.
        "PYANNOTE_METRICS_ENABLED": "0",
        # FastAPI and DBOS export traces where the environment names a collector, DBOS also to its maker's service.
        "OTEL_SDK_DISABLED": "true",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "false",
        "DBOS__CLOUD": "false",
    }
)


def quiet_environment() -> dict[str, str]:
    """For the environment of processes that are started."""
    return dict(QUIET)


def silence() -> None:
    """For this process and its children, whatever its environment said. Has no effect on what is loaded already."""
    os.environ.update(QUIET)
