"""The settings: URLs and credentials of all parts of the deployment.

Order: environment variables ``WORKBENCH_*``, then the settings that the running embedded stack wrote into its home
(``stack-settings.json``), then defaults. No code checks whether a part is embedded or remote.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.consent import MAX_PERSON, PERSON
from schemas.duration import DURATION_PATTERN
from schemas.errors import WorkbenchError
from schemas.problem import first_problem

STACK_FILE = "stack-settings.json"
PREFIX = "WORKBENCH_"


def default_home() -> Path:
    """``WORKBENCH_HOME``, else the user's data folder."""
    given = os.environ.get("WORKBENCH_HOME")
    return Path(given).expanduser().absolute() if given else user_data_path("workbench")


class Settings(BaseModel):
    """The settings of one deployment for one process. Every field can be set as ``WORKBENCH_<FIELD>``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    home: Path = Field(default_factory=default_home, description="Directory of all state on this machine.")
    # The default is the prefix of every key on the bus of an existing home.
    namespace: str = Field("bench", pattern=r"^[a-z0-9-]{1,32}$", description="Prefix of all keys on a shared bus.")

    bus_url: str = Field("", description="redis:// or rediss:// URL, including the password.")
    s3_url: str = Field("", description="http(s)://host:port of the object store.")
    s3_access_key: str = Field("", description="Access key of the object store.")
    s3_secret_key: str = Field("", repr=False, description="Secret key of the object store.")
    s3_bucket: str = Field("workbench", description="Bucket for the content-addressed artifacts.")
    s3_region: str = Field("us-east-1", description="Region; set explicitly to save a request.")
    sql_url: str = Field("", description="SQLAlchemy URL of the job store. Workers have none.")
    mlflow_url: str = Field(
        "", description="http(s):// or http+unix:// URL of the MLflow server for this process; empty: no MLflow."
    )
    mlflow_access: str = Field(
        "lab", pattern="^(lab|administrators)$", description="Who may use MLflow if users log in."
    )
    mlflow_upload_mb: float = Field(
        500, gt=0, le=100_000, description="Maximum size of a file logged to MLflow through the app, in MB."
    )
    mlflow_sql_url: str = Field(
        "", description="SQLAlchemy URL of MLflow's own database, for the permanent removal of deleted runs."
    )

    app_url: str = Field("", description="http(s):// URL of the page that the stack started.")
    app_token: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-]{16,200})?$",
        repr=False,
        description="Token for the page and its API on this machine; empty: no token is required.",
    )
    app_hosts: str = Field("", description="Allowed host names of the page, separated by commas.")
    login: str = Field(
        "auto", pattern="^(auto|required)$", description="auto: no login if the page is only reachable on this machine."
    )
    consent: str = Field(
        "",
        max_length=MAX_PERSON,
        pattern=f"^$|{PERSON}",
        description="Who states for all jobs that the people in their files agreed; empty: each file needs a consent.",
    )
    quota_gib: float | None = Field(None, gt=0, description="Maximum size of all artifacts.")
    quota_user_gib: float | None = Field(
        None, gt=0, description="Maximum size of the artifacts that one user uploaded or whose jobs made them."
    )
    limit_jobs: int | None = Field(None, ge=0, description="Maximum unfinished jobs per user; 0: unlimited.")

    llm_url: str = Field(
        "", description="OpenAI-compatible or Ollama URL; empty: the packaged model inside the process."
    )
    llm_model: str = Field("", description="Model name at llm_url.")
    llm_api_key: str = Field("", repr=False, description="Bearer token for llm_url.")

    signing_key: str = Field("", description="File of the private key (PEM) that signs delivered files.")
    signing_certificate: str = Field(
        "", description="File of its certificate chain (PEM). Empty, both: a key and a certificate of the home."
    )

    models: Path = Field(
        default_factory=lambda known: known["home"] / "models", description="Folder of the models' files."
    )
    models_mirror: str = Field(
        "", description="URL or folder to fetch models from, with the layout of a folder of models; empty: the sources."
    )
    engines: Path = Field(
        default_factory=lambda known: known["home"] / "engines",
        description="Folder of the environments that `workbench engines install` makes.",
    )

    lease_s: float = Field(
        6.0, ge=0.5, le=600, description="A worker that does not renew its lease for this long loses its segment."
    )
    drain_s: float = Field(5.0, ge=0, le=3600, description="Time for a running node to finish after SIGTERM.")
    control_slots: int = Field(2, ge=1, le=64, description="Number of executors of the control plane.")
    worker_slots: int = Field(
        3,
        ge=1,
        le=64,
        description="Number of nodes that the stack's own worker runs at the same time. With 3, the speech, the "
        "animation and the final video of a job are made side by side.",
    )
    cache_gib: float = Field(4.0, ge=0.1, description="Maximum size of a worker's local copies of artifacts.")
    upload_image_mb: float = Field(20, gt=0, le=1000, description="Maximum size of an uploaded image, in MB.")
    upload_audio_mb: float = Field(50, gt=0, le=2000, description="Maximum size of an uploaded audio file, in MB.")
    upload_video_mb: float = Field(500, gt=0, le=10000, description="Maximum size of an uploaded video, in MB.")
    upload_archive_mb: float = Field(
        500,
        gt=0,
        le=10000,
        description="Maximum size of an uploaded zip of portraits, packed and unpacked, in MB.",
    )
    upload_lora_mb: float = Field(500, gt=0, le=10000, description="Maximum size of an uploaded LoRA file, in MB.")
    upload_minutes: float = Field(10, gt=0, le=120, description="Maximum duration of an uploaded audio file or video.")
    metrics_port: int = Field(
        0,
        ge=0,
        le=65_000,
        description="First port on loopback for metrics of control planes and workers; 0: no metrics.",
    )
    retention_older_than: str = Field(
        "", pattern=f"^$|{DURATION_PATTERN}", description="Once a day, delete finished jobs older than this: 30d, 12h."
    )
    retention_max_gib: float | None = Field(
        None, gt=0, description="Once a day, delete the oldest finished jobs until the artifacts fit into this size."
    )
    retention_keep_tags: str = Field("", description="Jobs with one of these tags stay; separated by commas.")
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Minimum level of logged messages."
    )

    @field_validator("models", "engines")
    @classmethod
    def _absolute(cls, given: Path) -> Path:
        return given.expanduser().absolute()

    @model_validator(mode="after")
    def _model_with_its_server(self) -> Self:
        if self.llm_url and not self.llm_model:
            # The model's name is part of a script's cache key. A server's default model could change unnoticed.
            raise ValueError("WORKBENCH_LLM_URL requires WORKBENCH_LLM_MODEL, e.g. llama3.2")
        return self


def load_settings(**given: Any) -> Settings:
    """The settings of this process. Raises WorkbenchError (settings.invalid) with the variable.

    Args:
        given: overrides the environment, which overrides the settings of the running stack.
    """
    # Without pydantic-settings, whose import would cost every command and role 0.17 s of CPU.
    variables = {name: os.environ.get(f"{PREFIX}{name.upper()}", "") for name in Settings.model_fields}
    # WORKBENCH_BENCH is the earlier name. Ignoring it would give a worker the keys of another deployment.
    variables["namespace"] = variables["namespace"] or os.environ.get("WORKBENCH_BENCH", "")
    environment = {name: value for name, value in variables.items() if value}
    home = Path(given.get("home") or default_home())
    try:
        return Settings(**{**_read_stack_file(home), **environment, "home": home, **given})
    except ValidationError as error:
        problem = first_problem(error)
        name = f"{PREFIX}{problem.field.upper()}" if problem.field else "WORKBENCH_LLM_URL"
        public = problem.field and Settings.model_fields[problem.field].repr
        raise WorkbenchError(
            "settings.invalid",
            f"{name} is not valid: {problem.text}",
            where=name,
            seen=problem.seen if public else None,
            allowed=problem.allowed,
            remedy=f"Correct or unset {name}.",
        ) from None


def write_stack_file(home: Path, values: dict[str, Any]) -> None:
    """Publish the running stack's URLs and credentials to other processes of this user (mode 0600, atomic)."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=home, delete=False) as file:  # mkstemp: 0600 from the start
        json.dump(values, file, indent=1)
    Path(file.name).replace(home / STACK_FILE)


def remove_stack_file(home: Path) -> None:
    (home / STACK_FILE).unlink(missing_ok=True)


def _read_stack_file(home: Path) -> dict[str, Any]:
    try:
        values = json.loads((home / STACK_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise WorkbenchError(
            "settings.invalid",
            f"the settings file of the stack cannot be read: {error}",
            where=str(home / STACK_FILE),
            remedy="Stop the stack with `workbench down`, remove the file and start it again.",
        ) from error
    return values if isinstance(values, dict) else {}
