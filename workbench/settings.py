"""Where every part of the deployment is, as URLs and credentials.

Order: environment variables ``WORKBENCH_*``, then what the running embedded stack wrote into its home
(``stack-settings.json``), then defaults. No code asks whether a part is embedded or remote.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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
    """One deployment, as one process sees it. Every field can be set as ``WORKBENCH_<FIELD>``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    home: Path = Field(default_factory=default_home, description="Directory of all state on this machine.")
    # The default is the prefix of every key on the bus of an existing home.
    namespace: str = Field("bench", pattern=r"^[a-z0-9-]{1,32}$", description="Prefix of all keys on a shared bus.")

    bus_url: str = Field("", description="redis:// or rediss:// URL with the password in it.")
    s3_url: str = Field("", description="http(s)://host:port of the object store.")
    s3_access_key: str = Field("", description="Access key of the object store.")
    s3_secret_key: str = Field("", repr=False, description="Secret key of the object store.")
    s3_bucket: str = Field("workbench", description="The one bucket of content-addressed artifacts.")
    s3_region: str = Field("us-east-1", description="Region; given, so that no request asks for it.")
    sql_url: str = Field("", description="SQLAlchemy URL of the job store. Workers have none.")
    mlflow_url: str = Field(
        "", description="http(s):// or http+unix:// URL of the MLflow server as this process reaches it; empty: none."
    )
    mlflow_access: str = Field(
        "lab", pattern="^(lab|administrators)$", description="Who sees MLflow where people log in."
    )
    mlflow_upload_mb: float = Field(
        500, gt=0, le=100_000, description="Largest file that may be logged to MLflow through the app, in MB."
    )
    mlflow_sql_url: str = Field(
        "", description="SQLAlchemy URL of MLflow's own database, where its deleted runs may be removed for good."
    )

    app_url: str = Field("", description="http(s):// URL of the page, as the stack started it.")
    app_token: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-]{16,200})?$",
        repr=False,
        description="Opens the page and its API on this machine; empty: nothing is asked for.",
    )
    app_hosts: str = Field("", description="Host names by which the page may be reached, with commas between.")
    login: str = Field("auto", pattern="^(auto|required)$", description="auto: on this machine alone no users log in.")
    limit_jobs: int | None = Field(None, ge=0, description="Unfinished jobs a user may have; 0: any number.")

    llm_url: str = Field("", description="OpenAI-compatible or Ollama URL; empty: the packaged model in process.")
    llm_model: str = Field("", description="Model name at llm_url.")
    llm_api_key: str = Field("", repr=False, description="Bearer token for llm_url.")

    lease_s: float = Field(6.0, ge=0.5, le=600, description="A worker silent for this long loses its segment.")
    drain_s: float = Field(5.0, ge=0, le=3600, description="On SIGTERM a running node may finish for this long.")
    control_slots: int = Field(2, ge=1, le=64, description="Executors of the control plane.")
    cache_gib: float = Field(4.0, ge=0.1, description="Local copies of artifacts a worker may keep.")
    upload_image_mb: float = Field(20, gt=0, le=1000, description="Largest picture that may be uploaded, in MB.")
    upload_audio_mb: float = Field(50, gt=0, le=2000, description="Largest sound that may be uploaded, in MB.")
    upload_video_mb: float = Field(500, gt=0, le=10000, description="Largest video that may be uploaded, in MB.")
    upload_minutes: float = Field(10, gt=0, le=120, description="Longest sound or video that may be uploaded.")
    metrics_port: int = Field(
        0, ge=0, le=65_000, description="Control planes and workers serve metrics on loopback from here on; 0: nowhere."
    )
    retention_older_than: str = Field(
        "", pattern=f"^$|{DURATION_PATTERN}", description="Once a day, delete finished jobs older than this: 30d, 12h."
    )
    retention_max_gib: float | None = Field(
        None, gt=0, description="Once a day, delete the oldest finished jobs until artifacts take no more than this."
    )
    retention_keep_tags: str = Field("", description="Jobs with one of these tags stay; with commas between.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level that is logged.")

    @model_validator(mode="after")
    def _model_with_its_server(self) -> Self:
        if self.llm_url and not self.llm_model:
            # The model's name is part of a script's identity in the cache: a server's default would hide a change.
            raise ValueError("WORKBENCH_LLM_URL needs WORKBENCH_LLM_MODEL beside it, e.g. llama3.2")
        return self


def load_settings(**given: Any) -> Settings:
    """The settings of this process. Raises WorkbenchError (settings.invalid) naming the variable.

    Args:
        given: wins over the environment, which wins over what the running stack published.
    """
    # Read by hand: pydantic-settings costs every command and every role 0.17 s of CPU at import.
    variables = {name: os.environ.get(f"{PREFIX}{name.upper()}", "") for name in Settings.model_fields}
    # The earlier name of the setting: ignoring it would send a worker to another deployment's keys.
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
            f"the stack's settings cannot be read: {error}",
            where=str(home / STACK_FILE),
            remedy="Stop the stack with `workbench down`, remove the file and start it again.",
        ) from error
    return values if isinstance(values, dict) else {}
