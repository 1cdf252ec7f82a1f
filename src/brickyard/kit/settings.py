"""Every setting, read once at start into one frozen object; nothing else reads the environment.

Each is set by an environment variable `BRICKYARD_<NAME>`; `DATABASE_URL` is read without the prefix as well.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LONGEST_SOCKET_FOLDER = 70
"""A Unix socket's whole path may have 107 bytes; the names in the folder need up to 37."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BRICKYARD_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Path.home() / ".local" / "share" / "brickyard"
    """Where everything lives that must survive a restart: files, the embedded database, logs."""
    database_url: str | None = Field(
        default=None, validation_alias=AliasChoices("BRICKYARD_DATABASE_URL", "DATABASE_URL")
    )
    """PostgreSQL; without it `brickyard up` runs an embedded one in `home`."""
    host: str = "127.0.0.1"
    port: int = 8400
    model_store: Path | None = None
    """Folder of model weights; without it only the models inside wheels are offered."""
    device: str = "cpu"
    """Where engines run: `cpu` or `cuda`."""
    brick_threads: int = Field(default=max(1, (os.cpu_count() or 1) // 2), ge=1)
    """Compute threads of one brick on CPU; the default lets speech recognition and diarization share the cores."""
    brick_calls: int = Field(default=2, ge=1)
    """Chunks that a brick computes at once on CPU, where its engine can: one left alone still fills two cores."""
    brick_batch: int | None = Field(default=None, ge=1)
    """The largest batch on a card; without it, the size beyond which the model is known to get no faster."""
    pinned_models: str = ""
    """Names of models, with commas between them, that are loaded at start and never leave the device."""
    fragmented_share: float = Field(default=0.25, gt=0, le=1)
    """A brick that holds more than this part of its memory for nothing,"""
    fragmented_mib: int = Field(default=512, ge=0)
    """and more than this, drops its caches; where that does not help it is started anew between two chunks."""
    broker: str | None = None
    """Where the broker is: a socket's path or `host:port`; without it, its socket in `run_dir`."""
    broker_listen: str | None = None
    """`host:port` on which the broker listens too, for containers and other hosts; they need its token."""
    broker_token: str = Field(default="", repr=False)
    device_reserve_mib: int = Field(default=0, ge=0)
    """Memory of each device that is kept free."""
    device_budget_mib: int | None = Field(default=None, ge=1)
    """At most this much of each device is leased; without it, all that others leave."""
    device_slots: int | None = Field(default=None, ge=1)
    """Chunks that a device computes at once; without it as many as cores allow, and 2 on a card."""
    notebook_mib: int | None = Field(default=None, ge=0)
    """What notebooks may have of a device in all, and what pinned models leave for them; without it, no limit."""
    ollama_url: str | None = None
    """An Ollama whose models share the first device, such as http://127.0.0.1:11434."""
    llm_backends: str = ""
    """LLM servers, with commas between them: `http://gpu1:11434` is an Ollama, `openai+http://llama:8000` any server
    that speaks OpenAI's API. The one of `ollama_url` is added."""
    llm_model: str | None = None
    """The model to use where nobody names one; without it, the first that a backend has."""
    llm_parallel: int = Field(default=4, ge=1)
    """Requests that one LLM server works on at once."""
    llm_waiting: int = Field(default=64, ge=0)
    """Requests that may wait for an LLM; further ones are told to come again."""
    llm_keep_alive: str = "5m"
    """How long Ollama keeps a model after its last use; pinned models stay."""
    llm_context_tokens: str = ""
    """Context of models in Ollama, such as `8192` for all or `8192, gemma3:27b=32768`: the same for all requests, since
    another one would load the model anew. Without it, Ollama's own."""
    gateway_waiting: int = Field(default=8, ge=1)
    """Requests with recordings, images or documents that the shared APIs take at once; further ones are told to come
    again."""
    reachable_hosts: str = ""
    """Further hosts, `host` or `host:port` with commas between them, that the platform may connect to; those of other
    settings are allowed already."""
    webhook_hosts: str = ""
    """Hosts, with commas between them, that may be told when a job ends; without any, nobody is."""
    model_hub: str = "https://huggingface.co"
    """Where `brickyard models pull` fetches from, on a connected machine: the hub or a mirror of it."""
    model_hub_token_file: Path | None = None
    """A file with a token for models that ask for one."""
    public_url: str | None = None
    """How people reach the platform, such as https://echo.example.org; without it, `http://host:port`."""
    trusted_proxies: str = "127.0.0.1"
    """Addresses, with commas between them, of what speaks TLS before the platform: it is believed who asks."""
    session_hours: float = Field(default=12, gt=0, le=720)
    """After so long everybody signs in again."""
    sign_in_file: Path | None = None
    """Providers beside the platform's own accounts: OpenID Connect and LDAP, in TOML."""
    master_key_file: Path | None = None
    """The key that all others are wrapped with; without it, `home/master.key`, which `brickyard up` makes."""
    encrypt_files: bool = True
    """Whether recordings that arrive from now on are sealed, each with a key of its own."""
    keep_recordings_days: int | None = Field(default=None, ge=1)
    """Recordings are deleted after this, where neither they nor their team say otherwise; without it, never."""
    backup_days: int = Field(default=30, ge=0)
    """How long backups are kept: a deleted recording may be in one for so long."""
    api_key_file: Path | None = None
    """A file with the key that the command line shows to a platform; without it, the one `brickyard up` makes."""
    log_level: str = "INFO"
    supervised: bool = False
    """Set by `brickyard up` for its children: they end when their standard input closes, as it does with it."""

    running_jobs: int = Field(default=4, ge=1)
    """How many jobs run at once, over all workers."""
    worker_slots: int = Field(default=4, ge=1)
    """How many jobs one worker process takes."""
    heartbeat_s: float = Field(default=1.0, gt=0)
    worker_lost_after_s: float = Field(default=6.0, gt=0)
    """A worker silent for this long is taken for dead, and its jobs go on in another one."""
    worker_metrics_port: int | None = None
    """Where a worker shows its own metrics to Prometheus, on `host`; without it, nowhere."""
    keep_results_days: float = Field(default=90, gt=0)
    """Ended jobs and their checkpoints are deleted after this; recordings and transcripts stay."""

    max_duration_s: float = 3 * 3600
    max_upload_bytes: int = 50 * 10**9

    @field_validator("home", "model_store", "sign_in_file", "master_key_file", "api_key_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """PostgreSQL works in another folder, where a relative path would name another place."""
        return None if path is None else path.expanduser().absolute()

    @property
    def files_dir(self) -> Path:
        return self.home / "files"

    @property
    def logs_dir(self) -> Path:
        return self.home / "logs"

    @property
    def postgres_dir(self) -> Path:
        return self.home / "postgres"

    @property
    def learned_dir(self) -> Path:
        """What bricks learned about the devices here."""
        return self.home / "learned"

    @property
    def pinned(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.pinned_models.split(",") if name.strip())

    @property
    def run_dir(self) -> Path:
        """Folder of the sockets, beside the data where its path is short enough for a socket's address."""
        beside = self.home / "run"
        if len(os.fsencode(beside)) <= LONGEST_SOCKET_FOLDER:
            return beside
        digest = hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:12]
        name = f"brickyard-{os.getuid()}-{digest}"
        elsewhere = Path(tempfile.gettempdir()) / name
        return elsewhere if len(os.fsencode(elsewhere)) <= LONGEST_SOCKET_FOLDER else Path("/tmp") / name

    @property
    def operator_key_file(self) -> Path:
        """The key of the command line of this machine, good for as long as the platform runs."""
        return self.run_dir / "operator.key"

    @property
    def master_key(self) -> Path:
        return self.master_key_file or self.home / "master.key"

    @property
    def broker_socket(self) -> Path:
        return self.run_dir / "broker.sock"

    @property
    def broker_address(self) -> Path | str:
        if self.broker is None:
            return self.broker_socket
        return Path(self.broker) if "/" in self.broker else self.broker

    def brick_socket(self, brick: str) -> Path:
        return self.run_dir / f"{brick}.sock"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """Of the platform, as a browser of its users has it; without a slash at the end."""
        return (self.public_url or self.url).rstrip("/")
