"""The files of runs through the app: ranges of a video, names that lead elsewhere, logged HTML pages."""

from __future__ import annotations

import socket

import pytest

from tests.app.mlflow.conftest import Front
from workbench.app.access.body import largest_body
from workbench.app.mlflow.limits import LARGEST_RECORD

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def video(front: Front) -> bytes:
    data = bytes(range(256)) * 4096
    front.direct.upload(front.artifacts, "final.mp4", data, "video/mp4")
    return data


def test_a_range_of_a_video_is_sent_as_partial_content(front: Front, video: bytes) -> None:
    path = f"/get-artifact?run_uuid={front.run}&path=final.mp4"
    part = front.ask("vi", "GET", path, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, video[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(video)}"
    whole = front.ask("vi", "GET", path)
    assert (whole.content, whole.headers["content-type"]) == (video, "video/mp4")
    assert int(front.ask("vi", "HEAD", path).headers["content-length"]) == len(video)
    assert front.ask("vi", "GET", path, headers={"Range": "bytes=9999999-"}).status_code == 416


def test_a_logged_page_does_not_run_with_the_origin_of_this_site(front: Front) -> None:
    page = b"<script>fetch('/api/session')</script>"
    where = f"/api/2.0/mlflow-artifacts/artifacts/{front.experiment}/{front.run}/artifacts/report.html"
    assert front.ask("rob", "PUT", where, content=page).status_code == 200
    for path in (where, f"/get-artifact?run_uuid={front.run}&path=report.html"):
        answer = front.ask("vi", "GET", path)
        assert answer.content == page
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


WAYS_UP = (
    "/api/2.0/mlflow-artifacts/artifacts/../../../../etc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts/%2e%2e/%2e%2e/etc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts/..%2f..%2fetc%2fpasswd",
    "/api/2.0/mlflow-artifacts/artifacts/1/..\\..\\etc",
    "/api/2.0/mlflow-artifacts/artifacts//etc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts/%252e%252e/%252e%252e/etc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts/1/x%00.txt",
    "/static-files/..%2f..%2f..%2fhandlers.py",
    "/static-files/../../handlers.py",
    "/static-files/..;/get-artifact",
    "/../api/session",
    "//etc/passwd",
    "/api/2.0/mlflow-artifacts/artifacts?path=../../etc",
    "/api/2.0/mlflow-artifacts/artifacts?path=%252e%252e/etc",
    "/get-artifact?run_uuid={run}&path=../../../../etc/passwd",
    "/get-artifact?run_uuid={run}&path=..%255c..%255cetc",
    "/get-artifact?run_uuid={run}&path=/etc/passwd",
    "/ajax-api/2.0/mlflow/get-trace-artifact?request_id=../experiments/get&path=x",
)


@pytest.mark.parametrize("path", WAYS_UP)
def test_no_name_leads_out_of_the_store(front: Front, path: str) -> None:
    """Sent unchanged: clients that normalize a path would hide the attack."""
    host = front.url.removeprefix("http://")
    head = f"GET /mlflow{path.format(run=front.run)} HTTP/1.1\r\nHost: {host}\r\n"
    head += f"Authorization: Bearer {front.tokens['ann']}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2]))) as line:
        line.sendall(head.encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    assert 400 <= status < 500, answer[:500]
    assert b"root:" not in answer and b"_get_request_message" not in answer


def test_a_too_large_file_is_refused_with_and_without_a_declared_length(front: Front) -> None:
    where = f"/api/2.0/mlflow-artifacts/artifacts/{front.experiment}/{front.run}/artifacts/large.bin"
    most = int(front.deployment.settings.mlflow_upload_mb * 2**20)
    chunk = b"x" * 2**20
    told = front.ask("rob", "PUT", where, content=chunk * (most // 2**20 + 1))
    streamed = front.ask("rob", "PUT", where, content=(chunk for _ in range(most // 2**20 + 1)))
    for answer in (told, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert front.ask("vi", "GET", f"/get-artifact?run_uuid={front.run}&path=large.bin").status_code >= 400
    assert largest_body("PUT", f"/mlflow{where}") is None  # the guard leaves files to the proxy and limits records
    assert largest_body("POST", "/mlflow/api/2.0/mlflow/runs/set-tag") == LARGEST_RECORD


def test_the_address_without_a_slash_redirects_to_the_one_with_it(front: Front) -> None:
    answer = front.ask("vi", "GET", "")
    assert (answer.status_code, answer.headers["location"]) == (308, "/mlflow/")


def test_the_page_shows_runs_first_and_no_assistant(front: Front) -> None:
    page = front.ask("vi", "GET", "/").text
    head = page.partition("<head>")[2]
    assert head.startswith("<script>") and "mlflow.workflowType_v1" in head and "data-assistant-ui" in head
    assert (
        front.ask("vi", "GET", "/static-files/" + page.partition('src="static-files/')[2].partition('"')[0]).status_code
        == 200
    )
