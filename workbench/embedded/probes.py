"""Quick checks of each part with the standard library alone, because `status` must respond within a second.

Every probe returns None, or raises WorkbenchError if the part does not work. All block for at most about
``TIMEOUT_S``.
"""

from __future__ import annotations

import http.client
import socket
import sqlite3
import ssl
from urllib.parse import quote, unquote, urlsplit

from schemas.errors import WorkbenchError
from workbench.embedded.s3_request import signed_request
from workbench.settings import Settings
from workbench.unix_url import connection_to

TIMEOUT_S = 1.0


def probe(name: str, settings: Settings) -> None:
    """Probe a part that has a URL: bus, objects, sql, mlflow or app."""
    if name == "bus":
        probe_bus(settings.bus_url)
    elif name == "objects":
        probe_objects(settings)
    elif name == "sql":
        probe_sql(settings.sql_url)
    elif name == "app":
        probe_http(settings.app_url, "/health", "app.unreachable")
    else:
        probe_http(settings.mlflow_url, "/health")


def probe_bus(url: str) -> None:
    """AUTH and PING over the URL. Raises bus.unreachable."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix":
            line = socket.socket(socket.AF_UNIX)
            line.settimeout(TIMEOUT_S)
            line.connect(parts.path)
        else:
            line = socket.create_connection((parts.hostname or "localhost", parts.port or 6379), timeout=TIMEOUT_S)
            if parts.scheme == "rediss":
                line = ssl.create_default_context().wrap_socket(line, server_hostname=parts.hostname)
        with line, line.makefile("rb") as answers:
            if parts.password:
                user = [unquote(parts.username)] if parts.username else []
                _ask(line, answers.readline, "AUTH", *user, unquote(parts.password))
            _ask(line, answers.readline, "PING")
    except OSError as error:
        raise WorkbenchError(
            "bus.unreachable", f"The bus does not respond: {_reason(error)}.", seen=public_url(url)
        ) from None


def _ask(line: socket.socket, read: object, *words: str) -> None:
    encoded = [word.encode() for word in words]
    line.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
    answer: bytes = read()  # type: ignore[operator]
    if not answer.startswith(b"+"):
        raise ConnectionError(answer.decode(errors="replace").strip() or "the server closed the connection")


def probe_objects(settings: Settings) -> None:
    """Signed HEAD request for the bucket. Raises store.unreachable."""
    _ask_store(settings, "HEAD", settings.s3_bucket)


def probe_new_objects(settings: Settings) -> None:
    """Check both buckets and a PUT, which work about a second after the port of a new SeaweedFS responds."""
    buckets = settings.s3_bucket, tracking_bucket(settings.s3_bucket)
    for bucket in buckets:  # first, because a PUT would create a bucket that SeaweedFS is about to create itself
        _ask_store(settings, "HEAD", bucket)
    _ask_store(settings, "PUT", f"{buckets[1]}/.ready", b"ready")


def _ask_store(settings: Settings, method: str, path: str, body: bytes = b"") -> None:
    try:
        status, _ = signed_request(
            method,
            settings.s3_url,
            f"/{path}",
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            region=settings.s3_region,
            body=body,
            timeout_s=TIMEOUT_S,
        )
        problem = "" if status == 200 else f"{method} /{path} returned HTTP {status}"
    except (OSError, http.client.HTTPException) as error:
        problem = _reason(error)
    if problem:
        raise WorkbenchError(
            "store.unreachable", f"The object store does not respond: {problem}.", seen=public_url(settings.s3_url)
        )


def tracking_bucket(bucket: str) -> str:
    """MLflow's own bucket, so that removing unreferenced artifacts never touches its files."""
    return f"{bucket}-mlflow"


def probe_sql(url: str) -> None:
    """SELECT 1. Raises sql.unreachable."""
    try:
        if url.startswith("sqlite:///"):
            path = url.removeprefix("sqlite:///")
            with sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=TIMEOUT_S) as connection:
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
            connection.close()
        else:
            from sqlalchemy import create_engine, text  # takes 0.8 s to import, so only if the database is not a file

            engine = create_engine(url)
            with engine.connect() as remote:
                remote.execute(text("SELECT 1"))
            engine.dispose()
    except Exception as error:  # any error of the driver means that the database does not work
        raise WorkbenchError(
            "sql.unreachable", f"The database does not respond: {_reason(error)}.", seen=public_url(url)
        ) from None


def probe_http(url: str, path: str, code: str = "tracking.unreachable") -> None:
    """Check that a GET request returns 200. Raises an error with the given code."""
    connection = connection_to(url, TIMEOUT_S)
    try:
        connection.request("GET", urlsplit(url).path.rstrip("/") + path)
        status = connection.getresponse().status
        problem = "" if status == 200 else f"GET {path} returned HTTP {status}"
    except (OSError, http.client.HTTPException) as error:
        problem = _reason(error)
    finally:
        connection.close()
    if problem:
        raise WorkbenchError(code, f"No response: {problem}.", seen=public_url(url))


def public_url(url: str) -> str:
    """The URL without user name and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl() if "@" in parts.netloc else url


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().splitlines()[0].rstrip(".").lower() if text else type(error).__name__
