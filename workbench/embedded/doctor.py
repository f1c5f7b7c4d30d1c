"""Checks everything that the workbench needs on this machine, and gives a remedy for each problem.

Each check is a function that yields findings. Servers are actually used: a value is written and read back, an object
stored and fetched, a row inserted, a page of experiments requested.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from schemas.installing import BARE, DISTRIBUTION, install_bare
from schemas.stack import DoctorReport, Finding, Level, PartState, StackStatus
from workbench.embedded.home import LEAST_FREE_BYTES, free_bytes, prepare_home
from workbench.embedded.ports import holder, is_free, remembered_ports
from workbench.embedded.probes import tracking_bucket
from workbench.embedded.programs import find_bus_server, find_object_server
from workbench.embedded.stack import status
from workbench.host import Host, this_host
from workbench.settings import Settings, load_settings

MODEL_SUFFIXES = (".gguf", ".onnx", ".tflite", ".dat", ".bin", ".param", ".npz", ".pt")
CLOCK_TOLERANCE_S = 2.0
COMFORTABLE_BYTES = 5 * 2**30


def examine(home: Path) -> DoctorReport:
    """Run all checks. Blocks for a few seconds; starts nothing."""
    findings = [*_python(), *_machine(), *_home(home), *_packages(), *_models(), *_encoder(), *_programs()]
    answer = status(home)
    findings += [*_parts(answer), *_ports(home, answer)]
    settings = load_settings(home=home)
    for part, check in SERVER_CHECKS.items():
        if answer.part(part).state in (PartState.UP, PartState.EXTERNAL):
            findings += _tried(part, check, settings)
    return DoctorReport(home=str(home), findings=findings)


def _ok(check: str, message: str) -> Finding:
    return Finding(check=check, level=Level.OK, message=message)


def _problem(check: str, message: str, remedy: str) -> Finding:
    return Finding(check=check, level=Level.PROBLEM, message=message, remedy=remedy)


def _warning(check: str, message: str, remedy: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, message=message, remedy=remedy)


def _python() -> Iterator[Finding]:
    yield _ok("python", f"{sys.version.split()[0]} at {sys.executable}")


def _machine() -> Iterator[Finding]:
    machine = f"{sys.platform}-{platform.machine()}"
    if type(this_host()) is not Host:
        yield _ok("machine", machine)
    else:
        remedy = "docs/operations.md, section “Which machines”, lists what works in another way than on Linux."
        yield _warning("machine", f"{machine}, by the portable branch, which has run on Linux alone", remedy)


def _home(home: Path) -> Iterator[Finding]:
    try:
        prepare_home(home)
    except WorkbenchError as error:
        yield _problem("home", error.message, error.remedy)
        return
    yield _ok("home", f"{home} is writable and private")
    free = free_bytes(home)
    amount = f"{free / 2**30:.1f} GiB free"
    if free < COMFORTABLE_BYTES:
        remedy = f"Free some space: videos need much, and below {LEAST_FREE_BYTES // 2**20} MiB nothing starts."
        yield _warning("disk", amount, remedy)
    else:
        yield _ok("disk", amount)


def _packages() -> Iterator[Finding]:
    """What the extras ``cpu`` and ``embedded`` name, installed or not."""
    from packaging.requirements import Requirement

    wanted = [*BARE]
    for requirement in map(Requirement, metadata.requires(DISTRIBUTION) or []):
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            continue  # part of every installation; without it, this code would not run
        if any(marker.evaluate({"extra": extra}) for extra in ("cpu", "embedded")):  # and of this version of Python
            wanted.append(requirement.name)
    missing = [name for name in wanted if not _installed(name)]
    if missing:
        plain = [name for name in missing if name not in BARE]
        bare = [name for name in missing if name in BARE]
        commands = [f"pip install {' '.join(plain)}"] if plain else []
        commands += [install_bare(*bare)] if bare else []
        yield _problem("packages", f"not installed: {', '.join(missing)}", "; ".join(commands))
    else:
        yield _ok("packages", f"all {len(wanted)} of the CPU set and the embedded servers are installed")


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _models() -> Iterator[Finding]:
    """The model files in all packages that nodes declare as their weights."""
    from nodes.registry import services

    packages = sorted({package for declared in services().values() for package in declared.model_packages})
    found = 0
    for package in packages:
        if not _installed(package):
            continue  # reported by the check of the packages
        files = [file for file in metadata.files(package) or [] if str(file).endswith(MODEL_SUFFIXES)]
        gone = [str(file) for file in files if not Path(str(file.locate())).is_file()]
        found += len(files) - len(gone)
        if gone:
            yield _problem("models", f"{package} lacks {gone[0]}", install_bare(package, again=True))
    yield _ok("models", f"all {found} model files of {len(packages)} packages exist")


def _encoder() -> Iterator[Finding]:
    remedy = "pip install --force-reinstall 'av>=18.1,<19': its wheels carry both encoders."
    if importlib.util.find_spec("av") is None:
        yield _problem("encoder", "PyAV is not installed", remedy)
        return
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    names = {}
    for codec in ("h264", "aac"):
        try:
            names[codec] = Codec(codec, "w").name
        except UnknownCodecError:
            yield _problem("encoder", f"this PyAV cannot encode {codec}", remedy)
    if len(names) == 2:
        yield _ok("encoder", f"h264 by {names['h264']}, aac by {names['aac']}")


def _programs() -> Iterator[Finding]:
    for name, find in (("bus program", find_bus_server), ("objects program", find_object_server)):
        try:
            yield _ok(name, find())
        except WorkbenchError as error:
            yield _problem(name, error.message, error.remedy)


def _parts(answer: StackStatus) -> Iterator[Finding]:
    if not answer.running:
        yield _problem("stack", "no stack is running in this home", "Start it with `workbench up`.")
    for part in answer.parts:
        check = f"part {part.name}"
        if part.state is PartState.UP and part.message:
            yield _warning(check, part.message, "`workbench down`, then `workbench up` without --no-token.")
        elif part.state in (PartState.UP, PartState.EXTERNAL):
            yield _ok(check, f"{part.state}{f', restarted {part.restarts} times' if part.restarts else ''}")
        elif part.state is PartState.STARTING:
            yield _warning(check, "starting", "Check again in a few seconds.")
        elif part.state is PartState.FAILING:
            reason = part.message or f"ended with {part.last_exit}"
            yield _problem(check, f"failing: {reason}", f"Read {answer.home}/logs/{part.name}.log.")
        elif part.state is PartState.DOWN and answer.running:
            yield _problem(check, part.message, "Start that server, or unset its URL to use an embedded one.")


def _ports(home: Path, answer: StackStatus) -> Iterator[Finding]:
    """Ports that this home used before and that another process occupies now. Skipped for a running stack."""
    if answer.running:
        return
    taken = [(name, port) for name, port in remembered_ports(home).items() if not is_free(port)]
    for name, port in taken:
        yield _warning(
            "ports",
            f"port {port} ({name}) is now occupied by {holder(port)}",
            "The next `workbench up` selects another port; links to the old one stop working.",
        )
    if not taken:
        yield _ok("ports", "all ports that this home used before are free")


def _tried(part: str, check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except Exception as error:  # any error of the client library is a finding
        text = (str(error) or type(error).__name__).splitlines()[0]
        return [_problem(f"{part} used", text, f"Read logs/{part}.log in the home; `workbench down`, then `up`.")]


def _use_bus(settings: Settings) -> Iterator[Finding]:
    import redis

    with redis.Redis.from_url(settings.bus_url, socket_timeout=5) as bus:
        key, value = f"doctor:{uuid.uuid4().hex}", uuid.uuid4().hex.encode()
        bus.set(key, value, ex=60)
        read = bus.get(key)
        bus.delete(key)
        if read != value:
            yield _problem("bus used", f"read {read!r} after writing {value!r}", "Check what runs at this URL.")
            return
        server: Any = bus.info("server")
        memory: Any = bus.info("memory")
        name = server.get("server_name", "redis")
        version = server.get(f"{name}_version", server.get("redis_version"))
        yield _ok("bus used", f"SET and GET on {name} {version}, {memory['used_memory_human']} in use")
        if memory.get("maxmemory") and memory.get("maxmemory_policy") != "noeviction":
            yield _problem(
                "bus memory", f"it may evict keys ({memory['maxmemory_policy']})", "Set maxmemory-policy noeviction."
            )
        seconds, micros = bus.time()  # type: ignore[misc]
        yield from _clock("bus", seconds + micros / 1e6)


def _use_objects(settings: Settings) -> Iterator[Finding]:
    import io
    from urllib.parse import urlsplit

    from minio import Minio

    url = urlsplit(settings.s3_url)
    store = Minio(
        url.netloc,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        secure=url.scheme == "https",
        region=settings.s3_region,
    )
    if not store.bucket_exists(settings.s3_bucket):
        yield _problem("objects used", f"no bucket {settings.s3_bucket}", "Create it, or set WORKBENCH_S3_BUCKET.")
        return
    if not store.bucket_exists(tracking_bucket(settings.s3_bucket)):
        yield _warning(
            "objects used",
            f"no bucket {tracking_bucket(settings.s3_bucket)}",
            "Create it when the embedded MLflow is used with this store.",
        )
    name, content = f"doctor/{uuid.uuid4().hex}", uuid.uuid4().bytes * 4096
    began = time.perf_counter()
    store.put_object(settings.s3_bucket, name, io.BytesIO(content), len(content))
    answer = store.get_object(settings.s3_bucket, name)
    try:
        read, date = answer.read(), answer.headers.get("Date")
    finally:
        answer.close()
        answer.release_conn()
        store.remove_object(settings.s3_bucket, name)
    if read != content:
        yield _problem("objects used", "an object changed while it was stored", "Check the disk of the object store.")
        return
    yield _ok("objects used", f"64 KiB stored, fetched and removed in {(time.perf_counter() - began) * 1000:.0f} ms")
    if date:
        yield from _clock("objects", parsedate_to_datetime(date).timestamp())


def _use_sql(settings: Settings) -> Iterator[Finding]:
    from sqlalchemy import create_engine, text

    engine = create_engine(settings.sql_url)
    table = f"doctor_{uuid.uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE TABLE {table} (value INTEGER)"))
        connection.execute(text(f"INSERT INTO {table} VALUES (42)"))
        read = connection.execute(text(f"SELECT value FROM {table}")).scalar_one()
        connection.execute(text(f"DROP TABLE {table}"))
        connection.commit()
    engine.dispose()
    if read == 42:
        yield _ok("sql used", f"a row written and read on {engine.dialect.name}")
    else:
        yield _problem("sql used", f"read {read} after writing 42", "Check the disk of the database.")


def _use_mlflow(settings: Settings) -> Iterator[Finding]:
    import base64
    import json
    from urllib.parse import unquote, urlsplit

    from workbench.unix_url import connection_to

    parts = urlsplit(settings.mlflow_url)
    base, headers = parts.path.rstrip("/"), {"Content-Type": "application/json"}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    connection = connection_to(settings.mlflow_url, 10.0)
    try:
        for method, path, body in (
            ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=", None),
            ("POST", "/api/2.0/mlflow/experiments/search", b'{"max_results": 1}'),
        ):
            connection.request(method, base + path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                remedy = "Read logs/mlflow.log in the home."
                yield _problem("mlflow used", f"{path} returned HTTP {answer.status}", remedy)
                return
    finally:
        connection.close()
    experiments = json.loads(content).get("experiments", [])
    yield _ok("mlflow used", f"searched experiments ({'some' if experiments else 'none'}), listed artifacts")


def _clock(part: str, there: float) -> Iterator[Finding]:
    apart = abs(there - time.time())
    if apart > CLOCK_TOLERANCE_S:
        yield _warning(
            f"clock of {part}",
            f"differs by {apart:.0f} s from this machine's clock",
            "Synchronise the clocks (NTP): signed requests fail at 15 minutes. Leases do not depend on them.",
        )


SERVER_CHECKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "bus": _use_bus,
    "objects": _use_objects,
    "sql": _use_sql,
    "mlflow": _use_mlflow,
}
