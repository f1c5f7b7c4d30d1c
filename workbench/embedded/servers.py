"""The embedded servers: program, options and environment of each. Comments give the reasons for the options."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Mapping
from pathlib import Path

from workbench.embedded.certificates import ensure_certificate
from workbench.embedded.home import write_private
from workbench.embedded.object_names import tidy_names
from workbench.embedded.object_security import check_secured, write_security
from workbench.embedded.part import Part
from workbench.embedded.ports import GRPC_OFFSET
from workbench.embedded.probes import probe_bus, probe_http, probe_new_objects, probe_sql, tracking_bucket
from workbench.embedded.programs import find_bus_server, find_object_server, missing_package
from workbench.host import python_module
from workbench.settings import Settings
from workbench.unix_url import HOST, socket_of

TRACKING_PREFIX = "/mlflow"  # the same path as in the app, so that links in its pages work
MODEL_SOURCES = r"\A(?:(?:mlflow-artifacts|runs|models):/(?!/)|(?:dummy-source|prompt-template)\Z)"


def bus_server(home: Path, settings: Settings, port: int, password: str) -> Part:
    """Valkey with an append-only file. The password is in a 0600 file, because everyone can read command lines."""
    folder = home / "bus"
    configuration = folder / "valkey.conf"
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"dir {_quoted(str(folder))}",
        f"requirepass {password}",
        "appendonly yes",  # everysec: a kill loses no acknowledged data, a power failure 1-2 s of it
        'save ""',
        "maxmemory-policy noeviction",  # a full bus must reject writes, not discard data
        "daemonize no",
        "set-proc-title no",  # the command line identifies leftovers of a killed stack
    ]
    write_private(configuration, "\n".join([*lines, ""]).encode())
    return Part(
        name="bus",
        url=settings.bus_url,
        argv=(find_bus_server(), str(configuration)),
        cwd=folder,
        probe=lambda: probe_bus(settings.bus_url),
    )


def object_server(home: Path, settings: Settings, ports: Mapping[str, int]) -> Part:
    """SeaweedFS `mini`: master, volume, filer and S3 in one process. All ports except S3's require the certificate.

    Raises OSError if the certificate cannot be written.
    """
    folder = home / "objects"
    write_security(folder, ensure_certificate(home))

    def probe() -> None:
        check_secured(home, ports["master"])
        probe_new_objects(settings)

    def tidy() -> None:
        _remove_sockets(ports)
        tidy_names(home)

    options = {
        "dir": ".",  # the working directory, because a comma in its path would separate two directories
        "ip": "127.0.0.1",  # without it, the servers also listen outside loopback
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",  # on by default
        "webdav": "false",
        "admin.ui": "false",
        "disableHttp": "true",  # without it, the filer serves all objects without credentials
        "filer.localSocket": "filer.sock",  # in the working directory rather than in /tmp
        "s3.localSocket": "s3.sock",
        # Without it, as many volumes as fit the free disk at their full size, although most never reach it: on a small
        # disk the store then refuses new buckets with an internal error while gigabytes are free.
        "volume.max": 100_000,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "bucket": f"{settings.s3_bucket},{tracking_bucket(settings.s3_bucket)}",
        **{f"{server}.port": ports[server] for server in ("s3", "master", "volume", "filer", "admin")},
    }
    return Part(
        name="objects",
        url=settings.s3_url,
        # Without the first two options, it writes the names of deleted objects into world-readable files in /tmp.
        argv=(
            *(find_object_server(), "-logtostderr=true", "-v=-1", "mini"),
            *(f"-{name}={value}" for name, value in options.items()),
        ),
        env={
            "AWS_ACCESS_KEY_ID": settings.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key,
            "GOMEMLIMIT": "300MiB",  # without it, the process grew beyond 1 GB
        },
        cwd=folder,
        probe=probe,
        tidy=tidy,
        umask=0o077,  # five of its sockets are in /tmp, and other users must not connect
    )


def sql_file(settings: Settings) -> Part:
    """The job store as a SQLite file, without a process."""
    path = Path(settings.sql_url.removeprefix("sqlite:///"))
    path.touch(mode=0o600)
    return Part(name="sql", url=settings.sql_url, probe=lambda: probe_sql(settings.sql_url))


def tracking_server(home: Path, settings: Settings) -> Part:
    """`mlflow server` on its own SQLite file, with artifacts in the object store. It takes 10-15 s to start.

    It listens on the Unix socket of ``settings.mlflow_url`` and on no port, because it has no login and, through an
    experiment with a custom location, reads and writes any file of its user. Other users access it through the app, at
    /mlflow.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise missing_package("mlflow", "mlflow", "WORKBENCH_MLFLOW_URL")
    folder, listens = home / "mlflow", socket_of(settings.mlflow_url)
    assert listens is not None
    in_store = f"s3://{tracking_bucket(settings.s3_bucket)}/artifacts"
    return Part(
        name="mlflow",
        url=settings.mlflow_url,
        argv=(
            *python_module("mlflow", "server", "--workers", "1"),
            *("--uvicorn-opts", f"--uds {shlex.quote(str(listens))}"),  # in place of host and port
            *("--static-prefix", TRACKING_PREFIX),
            *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.sqlite3'}"),
            *(
                "--serve-artifacts",
                "--artifacts-destination",
                in_store if settings.s3_url else str(folder / "artifacts"),
            ),
        ),
        env={
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # on, it takes 900 MB and leaves orphans behind
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # Overrides the environment of `up`. The second entry is for a port forwarded to the socket (`ssh -L`).
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST},127.0.0.1:*",
            # Models may only be in the server's artifact store; the last two alternatives are for prompts.
            "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": MODEL_SOURCES,
            "DO_NOT_TRACK": "true",
            "PYTHONSAFEPATH": "1",  # its child runs `python -m`, which would otherwise search for modules in the home
            "MLFLOW_S3_ENDPOINT_URL": settings.s3_url,
            "AWS_ACCESS_KEY_ID": settings.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key,
            "AWS_DEFAULT_REGION": settings.s3_region,
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        cwd=folder,
        probe=lambda: probe_http(settings.mlflow_url, "/health"),
        required=False,
        tidy=lambda: listens.unlink(missing_ok=True),
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _remove_sockets(ports: Mapping[str, int]) -> None:
    """Remove sockets that SeaweedFS leaves in /tmp; their names contain our port numbers."""
    for server, port in ports.items():
        for name in (f"seaweedfs-{server}-{port}.sock", f"seaweedfs-{server}-grpc-{port + GRPC_OFFSET}.sock"):
            (Path("/tmp") / name).unlink(missing_ok=True)
