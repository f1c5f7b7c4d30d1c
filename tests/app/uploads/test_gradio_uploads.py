"""Gradio's upload and file routes on a real mounted page: only inspected files reach its folder."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest
from PIL import Image

from tests.app.named import Named
from tests.app.uploads.conftest import ANN, deployment_at, served
from tests.app.uploads.media import archive, picture, sound
from tests.stack.conditions import wait_for
from workbench.app.server import create_app
from workbench.client.deployment import Deployment
from workbench.retention.partial import STALE_S, clear_copies

pytestmark = [pytest.mark.stack, pytest.mark.slow]  # importing Gradio and building a page takes ten seconds


@pytest.fixture(scope="module")
def gradio_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("gradio")
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ.update({"GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"})
    yield folder
    os.environ.pop("GRADIO_TEMP_DIR")
    if before is not None:
        os.environ["GRADIO_TEMP_DIR"] = before


@pytest.fixture(scope="module")
def page(
    s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory, gradio_folder: Path
) -> Iterator[tuple[Deployment, str]]:
    """A page with an image and an audio component behind the app's routes; its deployment and address."""
    import gradio as gr

    from workbench.app.uploads.gradio_uploads import add_gradio_uploads

    deployment = deployment_at(tmp_path_factory.mktemp("home"), s3, upload_image_mb=2)
    app = create_app(deployment, pages=False)
    add_gradio_uploads(app)
    app.add_middleware(Named, otherwise=ANN)

    def told(image: str | None, sound: str | None) -> tuple[str, str | None]:
        return f"{image} {sound}", image

    with gr.Blocks() as demo:
        image, heard = gr.Image(type="filepath"), gr.Audio(type="filepath")
        text, back = gr.Textbox(), gr.Image()
        gr.Button().click(told, [image, heard], [text, back], api_name="told")
    gr.mount_gradio_app(app, demo, path="", run_history=False, ssr_mode=False, footer_links=[])
    with served(app) as address:
        yield deployment, address
    deployment.close()


def upload(address: str, data: bytes, name: str = "me.png", user: str = "ann", query: str = "") -> httpx.Response:
    files = {"files": (name, data, "image/png")}
    return httpx.post(f"{address}/gradio_api/upload{query}", files=files, headers={"x-user": user}, timeout=60)


def fetch(address: str, path: str, user: str = "ann", route: str = "file=", **headers: str) -> httpx.Response:
    return httpx.get(f"{address}/gradio_api/{route}{path}", headers={"x-user": user, **headers}, timeout=60)


def everything_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_an_upload_is_stored_in_gradios_folder(page: tuple[Deployment, str], gradio_folder: Path) -> None:
    deployment, address = page
    answer = upload(address, picture(), "../../me.exe")
    assert answer.status_code == 200, answer.text
    [path] = answer.json()
    assert Path(path).is_relative_to(gradio_folder) and Path(path).name == "me.png"
    with Image.open(path) as image:
        assert image.size == (64, 48)
    sha256 = Path(path).parent.name
    assert deployment.grants.upload("ann", sha256)["ref"]["sha256"] == sha256  # type: ignore[index]


def test_hostile_bytes_never_reach_the_folder(page: tuple[Deployment, str], gradio_folder: Path) -> None:
    _, address = page
    before = everything_in(gradio_folder)
    for data, name, status in (
        (archive(), "me.png", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "me.png", 415),
        (b"<html><script>1</script></html>", "me.wav", 415),
        (picture()[:-30], "me.png", 422),
        (picture() + bytes(3_000_000), "me.png", 413),
        (b"", "me.png", 422),
    ):
        answer = upload(address, data, name)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("text/plain") and "." in answer.text
    wrong = httpx.post(f"{address}/gradio_api/upload", files={"file": picture()})
    assert wrong.status_code == 422
    assert everything_in(gradio_folder) == before


def test_viewers_cannot_upload_there(page: tuple[Deployment, str]) -> None:
    _, address = page
    answer = httpx.post(f"{address}/gradio_api/upload", files={"files": picture()}, headers={"x-user": "ann/viewer"})
    assert answer.status_code == 403


@pytest.mark.parametrize("route", ["file=", "file/"])
def test_only_the_uploader_reads_it(page: tuple[Deployment, str], route: str) -> None:
    _, address = page
    data = picture(size=(50, 50 + len(route.rstrip("/"))))  # unique per route: bob uploads it below
    [path] = upload(address, data, user="ann").json()
    mine = fetch(address, path, "ann", route)
    assert (mine.status_code, mine.headers["content-type"]) == (200, "image/png")
    assert mine.headers["x-content-type-options"] == "nosniff"
    assert fetch(address, path, "ann", route, range="bytes=0-3").content == b"\x89PNG"
    assert fetch(address, path, "bob", route).status_code == 404
    upload(address, data, user="bob")
    assert fetch(address, path, "bob", route).status_code == 200


def test_it_is_still_guarded_after_a_restart(page: tuple[Deployment, str]) -> None:
    deployment, address = page
    [path] = upload(address, picture(size=(51, 51)), user="ann").json()
    deployment.__dict__.pop("grants")
    deployment.__dict__.pop("store")
    assert [fetch(address, path, user).status_code for user in ("ann", "bob")] == [200, 404]


def test_other_paths_and_addresses_are_refused(page: tuple[Deployment, str], gradio_folder: Path) -> None:
    deployment, address = page
    [path] = upload(address, picture(), user="ann").json()
    uploads = gradio_folder / "uploads"
    for given, user in (
        ("/etc/passwd", "ann"),
        (f"{uploads}", "ann"),
        (f"{uploads}/", "ann"),
        (f"{Path(path).parent}", "ann"),
        (f"{Path(path).parent}/other.png", "ann"),
        (f"{gradio_folder}/x/../uploads/{Path(path).parent.name}/{Path(path).name}", "bob"),
        (f"{uploads}/../uploads/{Path(path).parent.name}/{Path(path).name}", "bob"),
        (f"{deployment.settings.home}/jobs.db", "ann"),
        ("http://127.0.0.1:1/x", "ann"),
        ("http:/127.0.0.1:1/x", "ann"),
        ("https://example.org/x.png", "ann"),
        ("file:///etc/passwd", "ann"),
        ("//example.org/x", "ann"),
    ):
        assert fetch(address, given, user).status_code in (403, 404), given
    assert httpx.post(f"{address}/gradio_api/file={path}").status_code == 405


def test_a_copy_is_removed_a_day_after_its_last_use_and_its_artifact_stays(
    page: tuple[Deployment, str], gradio_folder: Path
) -> None:
    deployment, address = page
    names = ("unused", "shown", "given", "again", "lately")
    data = {name: picture(size=(52 + index, 47)) for index, name in enumerate(names)}
    copies = {name: Path(upload(address, data[name]).json()[0]) for name in names}
    for name in names[:-1]:
        os.utime(copies[name], (time.time() - STALE_S - 60,) * 2)
    assert fetch(address, str(copies["shown"])).status_code == 200
    assert call(address, file_data(str(copies["given"]))).status_code == 200
    upload(address, data["again"])
    (gradio_folder / "other").mkdir(exist_ok=True)
    (gradio_folder / "other" / "made.png").write_bytes(b"Gradio's own")
    os.utime(gradio_folder / "other" / "made.png", (0, 0))
    assert clear_copies(gradio_folder) == 1
    assert {name for name in names if copies[name].exists()} == set(names) - {"unused"}
    assert not copies["unused"].parent.exists() and (gradio_folder / "other" / "made.png").exists()
    sha256 = copies["unused"].parent.name
    assert (
        deployment.grants.readable(sha256, "ann", all_jobs=False) is not None
        and deployment.objects.stat(sha256) is not None
    )
    assert fetch(address, str(copies["unused"])).status_code == 404
    assert upload(address, data["unused"]).json() == [str(copies["unused"])] and copies["unused"].exists()


def test_a_starting_app_removes_the_files_of_the_last_one(
    page: tuple[Deployment, str], gradio_folder: Path, tmp_path: Path
) -> None:
    deployment, _ = page
    old = gradio_folder / "uploads" / ("0" * 64) / "old.png"
    left = deployment.settings.home / "incoming" / "999999999-left"
    for place in (old.parent, left):
        place.mkdir(parents=True)
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    with served(create_app(deployment, pages=False)):
        wait_for(lambda: not old.parent.exists() and not left.exists())


def test_components_work_with_uploaded_files(page: tuple[Deployment, str], tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    _, address = page
    (tmp_path / "me.jpg").write_bytes(picture("JPEG", (80, 60)))
    (tmp_path / "voice.webm").write_bytes(sound("libopus", "webm"))
    client = Client(address, headers={"x-user": "ann"}, verbose=False, download_files=str(tmp_path))
    text, back = client.predict(
        handle_file(str(tmp_path / "me.jpg")), handle_file(str(tmp_path / "voice.webm")), api_name="/told"
    )
    image, heard = text.split(" ")
    assert "/uploads/" in image and image.endswith(".jpg")
    assert "/uploads/" in heard and heard.endswith(".wav")
    with Image.open(back if isinstance(back, str) else back["path"]) as shown:
        assert shown.size == (80, 60)


def test_only_uploads_are_served(page: tuple[Deployment, str], gradio_folder: Path) -> None:
    _, address = page
    for made in (gradio_folder / "0123" / "made.png", gradio_folder / "made.png"):
        made.parent.mkdir(exist_ok=True)
        made.write_bytes(picture())
        assert fetch(address, str(made), "bob").status_code == 404


def test_progress_is_reported_by_gradios_own_route(page: tuple[Deployment, str]) -> None:
    _, address = page
    assert upload(address, picture(), query="?upload_id=abc123").status_code == 200
    with httpx.stream("GET", f"{address}/gradio_api/upload_progress?upload_id=abc123", timeout=20) as progress:
        assert '"msg": "done"' in "".join(progress.iter_text()).replace('"msg":"done"', '"msg": "done"')


def call(address: str, value: object, user: str = "ann") -> httpx.Response:
    body = {"data": [value, None], "session_hash": "s"}
    return httpx.post(f"{address}/gradio_api/call/told", json=body, headers={"x-user": user}, timeout=60)


def file_data(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "given", ["http://127.0.0.1:9/a.png", "https://example.org/a.png", " HTTP://x/a", "//x/a", "file:///etc/passwd"]
)
def test_a_component_does_not_accept_a_url(page: tuple[Deployment, str], given: str) -> None:
    _, address = page
    answer = call(address, {"nested": [file_data(given)]})
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid"), answer.text


def test_a_component_does_not_accept_an_upload_of_another_user(page: tuple[Deployment, str]) -> None:
    _, address = page
    path = upload(address, picture(size=(50, 40)), user="ann").json()[0]
    assert call(address, file_data(path), user="ann").status_code == 200
    refused = call(address, file_data(path), user="bob")
    assert (refused.status_code, refused.json()["code"]) == (404, "artifact.unknown"), refused.text
    assert call(address, file_data(path), user="ann").status_code == 200
    around = path.replace("/uploads/", "/uploads/../uploads/")
    assert call(address, file_data(around), user="bob").status_code == 404


ROUTES = ["queue/join", "run/told", "api/told", "call/told", "call/v2/told"]


def send(address: str, route: str, content: bytes) -> httpx.Response:
    headers = {"x-user": "ann", "content-type": "application/json"}
    return httpx.post(f"{address}/gradio_api/{route}", content=content, headers=headers, timeout=60)


@pytest.mark.parametrize("route", ROUTES)
def test_a_component_does_not_accept_another_file_of_the_server(
    page: tuple[Deployment, str], gradio_folder: Path, route: str
) -> None:
    deployment, address = page
    place = Path(upload(address, picture(size=(60, 40)), user="ann").json()[0])
    (link := place.parent / "link.png").unlink(missing_ok=True)
    link.symlink_to("/etc/hostname")
    (made := gradio_folder / "made.png").write_bytes(picture())
    for given in (
        "/etc/hostname",
        "etc/hostname",
        "",
        f"{place.parent}/../../../../../../../etc/hostname",
        f"{deployment.settings.home}/jobs.db",
        str(made),
        str(place.parent),
        f"{place}/x",
        f"{place.parent}/none.png",
        f"{place}\0",
        f"{place.parent}/{'x' * 5000}",
        str(link),
    ):
        data = [file_data(given), None]
        body = {"data": data, "fn_index": 0, "session_hash": "s", "image": file_data(given)}
        answer = send(address, route, orjson.dumps(body))
        assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid"), (given, answer.text)


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_only_gradio_could_parse_is_refused(page: tuple[Deployment, str], route: str) -> None:
    _, address = page
    text = '{"data": [{"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}, %s], "fn_index": 0}'
    for body in (
        (text % "NaN").encode(),
        (text % '"\\ud800"').encode(),
        (text % "null").encode("utf-16"),
        (text % "null").encode("utf-8-sig"),
        b"{",
    ):
        answer = send(address, route, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "graph.not_json"), answer.text


def test_a_component_does_not_accept_inline_bytes(page: tuple[Deployment, str]) -> None:
    _, address = page
    inside = "data:image/png;base64," + base64.b64encode(picture()).decode()
    for url in (inside, inside.replace("data", "DATA"), f" {inside}"):
        answer = call(address, {"url": url, "meta": {"_type": "gradio.FileData"}})
        assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid"), answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/process_recording"),  # runs ffmpeg on the posted file
        ("POST", "/gradio_api/process_recording/"),
        ("GET", "/gradio_api/deep_link?session_hash=s"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit/"),
        ("POST", "/gradio_api/component_server"),
        ("GET", "/gradio_api/custom_component/x/client/y/z"),
        ("GET", "/gradio_api/run-history/buckets"),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/proxy=https://example.org"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/logout"),
        ("POST", "/login/"),
    ],
)
def test_unused_gradio_routes_are_blocked(page: tuple[Deployment, str], method: str, path: str) -> None:
    _, address = page
    files = {"video": ("a.mp4", picture())} if method == "POST" else None
    answer = httpx.request(method, f"{address}{path}", files=files, headers={"x-user": "ann"})
    assert (answer.status_code, answer.json()["code"]) == (404, "request.not_found"), answer.text


def test_gradio_routes_used_by_pages_are_available(page: tuple[Deployment, str]) -> None:
    _, address = page
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/queue/status"):
        assert httpx.get(f"{address}{path}", headers={"x-user": "ann"}).status_code == 200, path
