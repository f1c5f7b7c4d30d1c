"""Nobody else gets at the object store, and what was deleted is gone from its files: one home of an older release."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import redis
from minio import Minio
from minio.commonconfig import CopySource

from schemas.retention import Compacted
from tests.stack import stranger
from tests.stack.raw_search import digest_needles, raw_traces
from tests.stack.servers import supervised_servers
from workbench.embedded.certificates import CERTIFICATE_FILE, client_context
from workbench.embedded.compaction import compact
from workbench.embedded.credentials import credentials
from workbench.embedded.home import prepare_home
from workbench.embedded.ports import choose_ports
from workbench.embedded.programs import find_object_server
from workbench.embedded.record import read_record
from workbench.embedded.supervisor import Supervisor
from workbench.settings import Settings
from workbench.store.database import Database

pytestmark = pytest.mark.stack

NOBODY = 65534
OF_BEFORE = b"made by an older release" * 400
SCRIPT = "A sentence that somebody wrote for a portrait to say."


def begin_as_before(home: Path) -> None:
    """An object in a home whose object store ran with the options of before, killed without a chance to tidy up."""
    prepare_home(home)
    secret, ports = credentials(home), choose_ports(home, ["objects"], {}, lambda line: None)
    options = {"dir": ".", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false", "webdav": "false"}
    options |= {"admin.ui": "false", "disableHttp": "true", "s3.port.iceberg": "0", "s3.port.lance": "0"}
    options |= {"bucket": "workbench,workbench-mlflow"}
    options |= {f"{name}.port": str(port) for name, port in ports.items()}
    keys = {"AWS_ACCESS_KEY_ID": secret["s3_access_key"], "AWS_SECRET_ACCESS_KEY": secret["s3_secret_key"]}
    server = subprocess.Popen(
        [find_object_server(), "mini", *(f"-{name}={value}" for name, value in options.items())],
        env={**os.environ, **keys, "TMPDIR": str(home / "run")},
        cwd=home / "objects",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        store = Minio(
            f"127.0.0.1:{ports['s3']}",
            secret["s3_access_key"],
            secret["s3_secret_key"],
            secure=False,
            region="us-east-1",
        )
        until = time.monotonic() + 60
        while True:
            try:
                store.put_object("workbench", "before", io.BytesIO(OF_BEFORE), len(OF_BEFORE))
                break
            except Exception:
                assert time.monotonic() < until, "the object store of before did not start"
                time.sleep(0.05)
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Supervisor]]:
    home = tmp_path_factory.mktemp("private") / 'home, with a "blank"'
    begin_as_before(home)
    with supervised_servers(home, ("bus", "objects", "sql")) as running:
        yield running


@pytest.fixture(scope="module")
def settings(supervised: tuple[Settings, Supervisor]) -> Settings:
    return supervised[0]


@pytest.fixture(scope="module")
def store(settings: Settings) -> Minio:
    return Minio(
        settings.s3_url.removeprefix("http://"),
        settings.s3_access_key,
        settings.s3_secret_key,
        secure=False,
        region=settings.s3_region,
    )


def server_of(home: Path) -> psutil.Process:
    record = read_record(home)
    part = record.part("objects") if record else None
    assert part and part.process
    return psutil.Process(part.process.pid)


def test_a_home_of_before_keeps_its_objects_and_goes_on(store: Minio, settings: Settings) -> None:
    assert store.get_object("workbench", "before").read() == OF_BEFORE
    large = random.Random(1).randbytes(11 * 1024 * 1024)
    store.put_object("workbench", "large", io.BytesIO(large), len(large), part_size=5 * 1024 * 1024)
    store.copy_object("workbench", "copy", CopySource("workbench", "large"))
    assert store.get_object("workbench", "copy", offset=7_000_000, length=100).read() == large[7_000_000:7_000_100]
    for name in ("large", "copy"):
        store.remove_object("workbench", name)
    for name in (CERTIFICATE_FILE, "objects/security.toml"):
        assert stat.S_IMODE((settings.home / name).stat().st_mode) == 0o600


def test_another_account_gets_nothing_from_any_port_of_the_object_store(settings: Settings) -> None:
    server = server_of(settings.home)
    ports = sorted({one.laddr.port for one in server.net_connections("tcp") if one.status == psutil.CONN_LISTEN})
    sockets = sorted({one.laddr for one in server.net_connections("unix") if one.laddr.startswith("/")})
    assert len(ports) == 10 and len(sockets) == 5, (ports, sockets)
    s3_port = int(settings.s3_url.rpartition(":")[2])
    uid = NOBODY if os.getuid() == 0 else os.getuid()
    if uid != NOBODY:
        sockets = []
        print("not root: the questions are put by this account, whose own sockets are not tried")
    asked = subprocess.run(
        [sys.executable, "-I", "-", json.dumps({"ports": ports, "sockets": sockets, "uid": uid})],
        input=Path(stranger.__file__).read_text(),
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    answers = json.loads(asked.stdout)
    for port in ports:
        if port == s3_port:  # the one port for clients: its own keys, and nothing but its health without them
            empty = ("Content-Length: 0", "200 OK")
            assert all(
                "200 OK" not in said or all(word in said for word in empty) for said in answers[str(port)].values()
            )
            assert "403 Forbidden" in answers[str(port)]["plain /workbench/before"]
            continue
        for how, said in answers[str(port)].items():
            assert said == "" or "Client sent an HTTP request to an HTTPS server" in said, (port, how, said)
    assert {answers[path] for path in sockets} <= {"PermissionError"}


def test_who_has_the_certificate_is_answered_on_every_inner_port(settings: Settings) -> None:
    """The control of the test above: the same bytes get answers once the certificate is shown."""
    server = server_of(settings.home)
    ports = {one.laddr.port for one in server.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    for port in sorted(ports - {int(settings.s3_url.rpartition(":")[2])}):
        known = client_context(settings.home / CERTIFICATE_FILE)
        known.set_alpn_protocols(["h2"] if port >= 30_000 else ["http/1.1"])
        said = stranger.ask(port, stranger.H2 if port >= 30_000 else stranger.http("/"), known)
        assert said.startswith("HTTP/1.1 ") or (port >= 30_000 and said[3:4] == "\x04"), (port, said)


def test_what_was_deleted_is_in_no_file_after_a_compaction(
    supervised: tuple[Settings, Supervisor], store: Minio, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, supervisor = supervised
    secret = random.Random(2).randbytes(60_000)
    digest = hashlib.sha256(secret).hexdigest()
    needles = [*digest_needles(digest), secret[30_000:30_064], SCRIPT.encode()]
    bus = redis.Redis.from_url(settings.bus_url)
    database = Database(settings.sql_url)
    key = f"sha256/{digest[:2]}/{digest}"
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE told (digest TEXT, script TEXT)")
        connection.exec_driver_sql("INSERT INTO told VALUES (?, ?)", (digest, SCRIPT))
    store.put_object("workbench", key, io.BytesIO(secret), len(secret), metadata={"sha256": digest})
    bus.xadd("told", {"digest": digest, "script": SCRIPT})

    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM told")
    store.remove_object("workbench", key)
    bus.delete("told")
    (settings.home / "logs" / "control.log").write_text(f"stored {digest}\nsaid {SCRIPT}\n")
    left = {trace.file.partition("/")[0] for trace in raw_traces(settings.home, needles)}
    assert left == {"bus", "objects", "sql", "logs"}, "each keeps what was deleted until it is compacted"

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(compact, settings, texts=[SCRIPT.encode()])
        acknowledged = pool.submit(keep_writing, store, until=running.done)
        while not running.done():
            supervisor.tick()
            time.sleep(0.02)
    with capsys.disabled():
        print("", *(_line(one) for one in running.result()), sep="\n")
    assert [(one.part, one.left) for one in running.result()] == [
        ("bus", ""),
        ("objects", ""),
        ("sql", ""),
        ("mlflow", "mlflow is not part of this stack."),
        ("logs", ""),
    ]
    assert raw_traces(settings.home, needles) == []
    assert store.get_object("workbench", "before").read() == OF_BEFORE
    assert len(acknowledged.result()) > 20, "others went on writing"
    assert {name: store.get_object("workbench", name).read() for name in acknowledged.result()} == acknowledged.result()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM told").scalar() == 0
    database.close()


def keep_writing(store: Minio, until: Callable[[], bool]) -> dict[str, bytes]:
    """What the store acknowledged, by name, while it was compacted and restarted."""
    acknowledged = {}
    while not until():
        name = f"live/{len(acknowledged)}"
        content = name.encode() * 2_000
        try:
            store.put_object("workbench", name, io.BytesIO(content), len(content))
        except Exception:
            time.sleep(0.02)  # it is being restarted
        else:
            acknowledged[name] = content
    return acknowledged


def _line(one: Compacted) -> str:
    return f"{one.part}: {one.bytes_before} -> {one.bytes_after} bytes in {one.seconds:.1f} s {one.left}"
