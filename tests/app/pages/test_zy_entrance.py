"""The one entrance of a stack: what another account of this machine gets from any port, and what a page of another
localhost port gets from the browser of a person who uses the workbench. Behind the other tests: it leaves a job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page

from schemas.access import Role
from tests.app.pages.place import Place, bearer, cookies
from tests.cli.graphs import document
from tests.cli.program import ROOT
from tests.stack.conditions import processes_of
from workbench.client.files import portrait_file
from workbench.client.users import users_of
from workbench.embedded.ports import GRPC_OFFSET, remembered_ports

pytestmark = pytest.mark.stack

OWNER, SCRIPT, FILE = "rosalind", "the heron waits at the weir", "portrait-of-rosalind.png"
# What answers everybody, by server. Nothing of anyone stands in it.
STAYS_OPEN: dict[str, set[str]] = {
    "app": {"GET /health", "GET /login", "GET /ready"},
    "s3": {"GET /healthz", "GET /status"},  # empty
}
REFUSED = {0, 400, 401, 403, 404, 405, 421}
PATHS = (
    *("/", "/login", "/health", "/ready", "/metrics", "/status", "/healthz", "/version", "/openapi.json"),
    *("/api/session", "/api/jobs", "/api/system", "/api/queues", "/gradio_api/info", "/web/api.js", "/config"),
    *("/mlflow/", "/graphql", "/api/2.0/mlflow-artifacts/artifacts?path=", "/debug/pprof/", "/ui/index.html"),
    "/api/2.0/mlflow/experiments/search?max_results=9",
    "/ajax-api/2.0/mlflow/experiments/search?max_results=9",
    *("/workbench?list-type=2", "/workbench-mlflow/?list-type=2", "/buckets/", "/buckets/workbench/?limit=99"),
    *("/topics/", "/dir/status", "/dir/assign", "/cluster/status", "/vol/status", "/stats/counter", "/maintenance"),
)


@pytest.fixture(scope="module")
def traces(place: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What nobody else may learn: of a user's job that has ended, its words and files; and the keys to them."""
    users = users_of(place.deployment)
    users.add(OWNER, Role.RUNNER, "a long enough password")
    owner = as_bearer(users.add_token(OWNER, "test").token)
    picture = portrait_file("sample", tmp_path_factory.mktemp("portrait")).read_bytes()
    file = place.post("/api/uploads", files={"file": (FILE, picture, "image/png")}, headers=owner)
    words = {"id": "words", "service": "probe.data", "params": {"value": SCRIPT, "file_kib": 1}}
    job = place.post("/api/jobs", json={"graph": document(words)}, headers=owner)["jobId"]
    record = place.ended(job)
    assert (record.status.value, record.owner) == ("completed", OWNER)
    [made] = {one["ref"]["sha256"] for one in place.get(f"/api/jobs/{job}/artifacts")["artifacts"]}
    settings = place.settings
    return {
        "job": job,
        "owner": OWNER,
        "script": SCRIPT,
        "file name": FILE,
        "upload": file["ref"]["sha256"],
        "artifact": made,
        "home": str(settings.home),
        "token": settings.app_token,
        "S3 key": settings.s3_access_key,
        "S3 secret": settings.s3_secret_key,
        "bus password": settings.bus_url.partition("@")[0].rpartition(":")[2],
    }


def test_another_account_of_the_machine_gets_nothing_from_any_port(place: Place, traces: dict[str, str]) -> None:
    ports, sockets = listening(place)
    assert {"bus", "s3", "app"} <= set(ports.values()), ports
    job, upload = traces["job"], traces["upload"]
    telling = (f"/api/jobs/{job}", f"/api/jobs/{job}/artifacts", f"/?job={job}", f"/api/artifacts/{upload}")
    answers = as_stranger([*ports, *sockets], (*PATHS, *telling, f"/workbench/{upload}"))
    opened, leaked = [], []
    for one in answers:
        name = ports.get(one["where"], one["where"])
        if one["status"] not in REFUSED and one["asked"] not in STAYS_OPEN.get(name, ()):
            opened.append((name, one["asked"], one["status"], one["text"][:300]))
        # What a stranger says itself may stand in a refusal.
        found = [what for what, text in traces.items() if text in one["text"] and text not in one["asked"]]
        leaked += [(name, one["asked"], what) for what in found]
    assert opened == []
    assert leaked == []
    # It did reach them: these are their own words.
    said = {(ports.get(one["where"]), one["asked"]): one for one in answers}
    assert [said["app", asked]["status"] for asked in ("GET /health", "GET /login", "GET /api/jobs")] == [200, 200, 401]
    assert "NOAUTH" in said["bus", "PING"]["text"]
    assert "AccessDenied" in said["s3", "GET /workbench?list-type=2"]["text"]


def test_a_cookie_that_a_server_beside_us_is_handed_is_worth_nothing_to_its_account(
    place: Place, browser: Browser
) -> None:
    """Browsers send cookies to every port of a host."""
    with beside() as (url, handed):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{place.url}/health?token={place.settings.app_token}&why=light")
        assert page.url == f"{place.url}/health?why=light", "the token is gone from the address"
        page.goto(url)
        context.close()
    [cookie] = {one for one in handed if "workbench_session_" in one}
    assert httpx.get(f"{place.url}/api/session", headers={"Cookie": cookie}).status_code == 200
    paths = ("/api/session", "/api/jobs", "/")
    answers = as_stranger([place.url.rpartition(":")[2]], paths, protocols=False, Cookie=cookie)
    told = [(one["status"], "access.other_account" in one["text"]) for one in answers]
    assert told == [(403, True)] * len(paths)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_localhost_port_reads_and_changes_nothing(
    place: Place, traces: dict[str, str], browser: Browser, name: str
) -> None:
    """The browser has the workbench's cookie. To it, 127.0.0.1 with another port is the same site."""
    context = browser.new_context()
    context.add_cookies(cookies(place.settings))
    before = place.get("/api/jobs")["pagination"]["total"]
    with beside() as (url, _):
        page = context.new_page()
        asked = Asked(page)
        page.goto(url.replace("127.0.0.1", name))
        script = (Path(__file__).parent / "beside.js").read_text()
        wanted = {"url": place.url, "job": traces["job"], "digest": traces["upload"]}
        tried = page.evaluate(script.partition("\n")[2].strip().removesuffix(";"), wanted)
    ours = {what: status for what, status in asked.answers().items() if place.url in what}
    assert {"GET", "POST"} <= {what.partition(" ")[0] for what in ours} and len(ours) > 10, ours
    assert {what: status for what, status in ours.items() if status not in (401, 403)} == {}
    assert asked.with_cookie(place.url) == (name == "127.0.0.1"), "SameSite alone does not keep other ports away"
    quiet = ("refused", "opaque", "nothing", "")
    assert {what: said for what, said in tried.items() if said not in quiet} == {}
    own = context.new_page()
    own.goto(f"{place.url}/api/session")
    assert '"user":"local"' in own.inner_text("body"), "nobody was logged out"
    context.close()
    assert place.get("/api/jobs")["pagination"]["total"] == before
    assert place.job(traces["job"]).status.value == "completed"


def test_the_command_line_opens_the_page_without_showing_the_token(place: Place) -> None:
    assert place.program.json("open", "a-job") == {"url": f"{place.url}/?job=a-job"}
    page = place.settings.home / "run" / "open.html"
    assert oct(page.stat().st_mode & 0o777) == "0o600"
    assert f"{place.url}/?job=a-job&amp;token={place.settings.app_token}" in page.read_text()
    assert place.program.json("token") == {"token": place.settings.app_token}


def test_metrics_of_control_plane_and_worker_ask_for_the_token(place: Place) -> None:
    ports = [port for port, name in listening(place)[0].items() if name.startswith("a port of")]
    assert len(ports) == 2, ports
    for port in ports:
        url = f"http://127.0.0.1:{port}/metrics"
        for headers in ({}, as_bearer("x"), {"Authorization": place.settings.app_token}):
            assert httpx.get(url, headers=headers).status_code == 401
        answer = httpx.get(url, headers=bearer(place.settings))
        assert answer.status_code == 200 and "workbench_takes_total" in answer.text


class Asked:
    """What a page asked for and was answered by the network, also where the browser keeps the answer from the page."""

    def __init__(self, page: Page) -> None:
        self._asked: dict[str, str] = {}
        self._answered: dict[str, int] = {}
        self._cookies: dict[str, bool] = {}
        wire = page.context.new_cdp_session(page)
        wire.on("Network.requestWillBeSent", self._sent)
        wire.on("Network.requestWillBeSentExtraInfo", self._sent_with)
        wire.on("Network.responseReceivedExtraInfo", self._received)
        wire.send("Network.enable")

    def answers(self) -> dict[str, int]:
        """{method and address: status}."""
        return {self._asked[one]: status for one, status in self._answered.items() if one in self._asked}

    def with_cookie(self, url: str) -> bool:
        """Whether the browser sent it one."""
        return any(self._cookies.get(one) for one, asked in self._asked.items() if url in asked)

    def _sent(self, told: dict[str, Any]) -> None:
        self._asked[told["requestId"]] = f"{told['request']['method']} {told['request']['url']}"

    def _sent_with(self, told: dict[str, Any]) -> None:
        self._cookies[told["requestId"]] = any(name.lower() == "cookie" for name in told["headers"])

    def _received(self, told: dict[str, Any]) -> None:
        self._answered[told["requestId"]] = told["statusCode"]


def as_bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def listening(place: Place) -> tuple[dict[str, str], list[str]]:
    """{port: whose} and Unix sockets of every process of the stack, whatever opened them."""
    known = {str(port): name for name, port in remembered_ports(place.settings.home).items()}
    known |= {str(int(port) + GRPC_OFFSET): f"{name} gRPC" for port, name in known.items()}
    ports: dict[str, str] = {}
    sockets: set[str] = set()
    for pid in processes_of(place.settings.home):
        process = psutil.Process(pid)
        for line in process.net_connections("inet"):
            if line.status == psutil.CONN_LISTEN:
                assert line.laddr.ip in ("127.0.0.1", "::1"), "nothing listens beyond this machine"
                ports[str(line.laddr.port)] = known.get(str(line.laddr.port), f"a port of {process.name()}")
        sockets |= {str(line.laddr) for line in process.net_connections("unix") if line.laddr}
    return ports, sorted(sockets)


def as_stranger(
    places: list[str], paths: tuple[str, ...], *, protocols: bool = True, **headers: str
) -> list[dict[str, Any]]:
    """What another account of this machine is answered at those ports and sockets, by HTTP and other protocols."""
    if os.getuid() != 0:
        pytest.skip("only root can become another account: nothing was tried")
    what = {"places": places, "paths": paths, "headers": headers, "protocols": protocols}
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.pages.stranger"],
        input=json.dumps(what),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@contextmanager
def beside() -> Iterator[tuple[str, list[str]]]:
    """A server of somebody else on another port, and the cookies that browsers hand it."""
    handed: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            handed.append(self.headers.get("Cookie", ""))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>beside</title><body><iframe name=frame></iframe>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handed
        finally:
            server.shutdown()
