"""Plans a stack: its parts, their addresses, and the settings that other processes receive."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from schemas.stack import PART_NAMES
from workbench.embedded.credentials import credentials
from workbench.embedded.part import Part
from workbench.embedded.ports import choose_ports, fixed_ports
from workbench.embedded.probes import probe
from workbench.embedded.ready import READY_FILE
from workbench.embedded.servers import TRACKING_PREFIX, bus_server, object_server, sql_file, tracking_server
from workbench.embedded.tracking_socket import socket_path
from workbench.environments.engines import ENGINES, interpreter_of
from workbench.host import python_module
from workbench.settings import Settings, load_settings
from workbench.unix_url import unix_url

SERVERS = ("bus", "objects", "sql", "mlflow")
ROLES = ("control", "worker", "app")
DEFAULT_PARTS = (*SERVERS, *ROLES)
URL_OF_PART = {"bus": "bus_url", "objects": "s3_url", "sql": "sql_url", "mlflow": "mlflow_url", "app": "app_url"}
GIVEN_WITH = {"objects": ("s3_access_key", "s3_secret_key")}


@dataclass(frozen=True)
class Plan:
    """Parts in start order, and values to publish with settings.write_stack_file."""

    parts: tuple[Part, ...]
    values: Mapping[str, Any]


def plan_stack(
    home: Path,
    only: Collection[str] = DEFAULT_PARTS,
    ports: Mapping[str, int] | None = None,
    roles: Collection[Part] | None = None,
    say: Callable[[str], None] = lambda line: None,
    token: bool = True,
) -> Plan:
    """Decide everything before anything starts. Writes credentials, ports and server configurations into the home.

    Args:
        home: prepared by home.prepare_home.
        only: names of the parts to include.
        ports: fixed ports by part.
        roles: processes to run instead of the usual control plane and worker.
        say: receives a line about each notable decision.
        token: whether clients on this machine must present the home's token.

    Raises WorkbenchError: settings.invalid, stack.missing_package, stack.port_taken.
    """
    _check_names(only)
    wanted = [name for name in PART_NAMES if name in only]
    external = [name for name in wanted if name in URL_OF_PART and given_from_outside(name)]
    own = [name for name in wanted if name in SERVERS and name not in external]
    runs_app = "app" in wanted and "app" not in external and roles is None
    with_port = [name for name in own if name not in ("sql", "mlflow")] + ["app"] * runs_app
    chosen = choose_ports(home, with_port, fixed_ports(ports), say)
    values = _values(home, own, external, chosen)
    if token and (given := os.environ.get("WORKBENCH_APP_TOKEN")):
        values["app_token"] = given
    elif token and "app" not in external:  # an external page must not receive our token
        values["app_token"] = credentials(home)["app_token"]
    if consent := os.environ.get("WORKBENCH_CONSENT"):  # a statement for the whole deployment
        values["consent"] = consent
    if runs_app:
        if not token:
            say("--no-token: all accounts on this machine can use the page, its jobs and files")
        values["app_url"] = f"http://127.0.0.1:{chosen['app']}"
    settings = load_settings(home=home, **values)

    parts = [_outside(name, settings) for name in external]
    if "bus" in own:
        parts.append(bus_server(home, settings, chosen["bus"], credentials(home)["bus_password"]))
    if "objects" in own:
        parts.append(object_server(home, settings, chosen))
    if "sql" in own:
        parts.append(sql_file(settings))
    if "mlflow" in own:
        parts.append(tracking_server(home, settings))
    if roles is None:
        options = {"control": (), "worker": ("--pool", "cpu", "--slots", str(settings.worker_slots))}
        roles = [role(home, name, options[name]) for name in wanted if name in options]
        if "worker" in wanted:
            roles += [engine_worker(home, name) for name in ENGINES if interpreter_of(settings.engines, name)]
        if runs_app:
            roles.append(app_role(home, settings, chosen["app"], token=token))
    return Plan(parts=(*sorted(parts, key=lambda part: PART_NAMES.index(part.name)), *roles), values=values)


def given_from_outside(part: str) -> bool:
    """Whether the environment contains the URL of this part, so that it is used but not started."""
    return bool(os.environ.get(f"WORKBENCH_{URL_OF_PART[part].upper()}"))


def role(home: Path, name: str, options: tuple[str, ...] = (), *, argv: tuple[str, ...] | None = None) -> Part:
    """A process of the workbench itself. It is up once it has called ready.announce_ready()."""
    ready_file = home / "run" / f"{name}.ready"

    def announced() -> None:
        if not ready_file.exists():
            raise WorkbenchError("stack.part_failed", f"{name} is not ready yet.", where=name)

    return Part(
        name=name,
        argv=argv or tuple(python_module("workbench.cli.main", name, *options)),
        env={READY_FILE: str(ready_file), "PYTHONUNBUFFERED": "1"},
        cwd=home,
        probe=announced,
        after=("bus", "objects", "sql") if name == "control" else ("bus", "objects"),
        tidy=lambda: ready_file.unlink(missing_ok=True),
    )


def engine_worker(home: Path, engine: str) -> Part:
    """A worker for the pool of an installed engine: one node at a time, because its models fill a GPU."""
    command = python_module("workbench.cli.main", "worker", "--pool", engine)
    return replace(role(home, f"worker-{engine}", argv=tuple(command)), required=False)


def app_role(home: Path, settings: Settings, port: int, *, token: bool = True) -> Part:
    """The page. It takes seconds to import, and nothing waits for it, because a deployment works without it.

    It reads the token from the home, because command lines are readable by all accounts.
    """
    options = ("--port", str(port), *(() if token else ("--no-token",)))
    return Part(
        name="app",
        argv=tuple(python_module("workbench.cli.main", "app", *options)),
        env={"PYTHONUNBUFFERED": "1"},
        cwd=home,
        url=settings.app_url,
        probe=lambda: probe("app", settings),
        after=("bus", "objects", "sql"),
        required=False,
    )


def _values(home: Path, own: list[str], external: list[str], ports: Mapping[str, int]) -> dict[str, Any]:
    secret = credentials(home)
    values: dict[str, Any] = {}
    for name in external:
        for field in (URL_OF_PART[name], *GIVEN_WITH.get(name, ())):
            variable = f"WORKBENCH_{field.upper()}"
            if not os.environ.get(variable):
                raise WorkbenchError(
                    "settings.invalid",
                    f"{name} is external, but {variable} is not set.",
                    where=variable,
                    remedy=f"Set {variable}, or unset WORKBENCH_{URL_OF_PART[name].upper()} to use an embedded {name}.",
                )
            values[field] = os.environ[variable]
    if "bus" in own:
        values["bus_url"] = f"redis://:{secret['bus_password']}@127.0.0.1:{ports['bus']}/0"
    if "objects" in own:
        values["s3_url"] = f"http://127.0.0.1:{ports['s3']}"
        values |= {"s3_access_key": secret["s3_access_key"], "s3_secret_key": secret["s3_secret_key"]}
    if "sql" in own:
        values["sql_url"] = f"sqlite:///{home / 'sql' / 'workbench.sqlite3'}"
    if "mlflow" in own:
        values["mlflow_url"] = unix_url(socket_path(home), TRACKING_PREFIX)
        values["mlflow_sql_url"] = f"sqlite:///{home / 'mlflow' / 'mlflow.sqlite3'}"
    return values


def _check_names(only: Collection[str]) -> None:
    unknown = [name for name in only if name not in PART_NAMES]
    if unknown:
        raise WorkbenchError(
            "settings.invalid",
            f"The stack has no part named {unknown[0]}.",
            where="--only",
            seen=unknown[0],
            allowed=", ".join(PART_NAMES),
            remedy="Use names from that list, separated by commas.",
        )


def _outside(name: str, settings: Settings) -> Part:
    return Part(
        name=name,
        url=getattr(settings, URL_OF_PART[name]),
        external=True,
        probe=lambda: probe(name, settings),
        required=name != "mlflow",
        start_timeout_s=10.0,
    )
