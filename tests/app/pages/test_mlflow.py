"""MLflow's own page through the app: the table of runs, video playback and seeking, and a report."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.store.media import write_clip
from workbench.client.mlflow_access import run_page
from workbench.store.tracking_api import TrackingApi

# Requests of MLflow's page that fail because its server lacks the data or the app blocks them; the page hides this.
FAILING_PATHS = ("users/current", "assistant/", "gateway-proxy")

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_the_page_of_a_run_shows_its_metrics_video_and_report(place: Place, visiting: Visiting, tmp_path: Path) -> None:
    settings = place.deployment.settings
    api = TrackingApi(settings.mlflow_url)
    place.wait_for(lambda: place.get("/ready")["parts"][3]["state"] == "external", 120)
    experiment = api.experiment_id("pages of MLflow")
    info = api.create_run(experiment, "a watched run", "tests", 1, {})
    run = str(info["run_id"])
    api.log_batch(
        run, [{"key": "evaluate.words", "value": 0.25, "timestamp": 1, "step": 0}], {"animate.sway": "0.5"}, {}
    )
    clip = tmp_path / "final.mp4"
    write_clip(clip, seconds=3.0)
    api.upload(str(info["artifact_uri"]), "final.mp4", clip, "video/mp4")
    api.upload(
        str(info["artifact_uri"]),
        "report.html",
        b"<h1>The report</h1><p id=who>still</p><script>who.textContent = origin</script>",
        "text/html",
    )
    api.update_run(run, "FINISHED", 2)

    visit = visiting(f"/mlflow/#/experiments/{experiment}")
    visit.expect(*(f"(status|responded with a status of) 40[34].*{path}" for path in FAILING_PATHS))
    page = visit.page
    expect(page.get_by_role("link", name="a watched run")).to_be_visible()  # runs first, not MLflow's view of chats
    expect(page.locator("[data-assistant-ui]:visible")).to_have_count(0)

    link = run_page(settings, run)
    assert link is not None and link.startswith(f"{place.url}/mlflow/#/")
    page.goto(link)
    expect(page.get_by_text("animate.sway")).to_be_visible()
    page.goto(f"/mlflow/#/experiments/{experiment}/runs/{run}/artifacts/final.mp4")
    video = page.locator("video")
    expect(video).to_be_visible()
    video.evaluate("video => { video.muted = true; return video.play(); }")
    handle = video.element_handle()
    page.wait_for_function("video => video.currentTime > 0", arg=handle)
    video.evaluate("video => { video.pause(); video.currentTime = video.duration * 0.8; }")
    page.wait_for_function("video => !video.seeking && video.currentTime > video.duration * 0.7", arg=handle)

    page.get_by_text("report.html").click()
    report = page.frame_locator("iframe").first
    expect(report.get_by_role("heading", name="The report")).to_be_visible()
    expect(report.locator("#who")).to_have_text("null")  # the script runs with an opaque origin


def test_selected_runs_are_compared_in_mlflow(place: Place, visiting: Visiting) -> None:
    place.wait_for(lambda: place.get("/ready")["parts"][3]["state"] == "external", 120)
    experiment = f"compared in MLflow {uuid.uuid4().hex[:6]}"
    jobs = [place.submit({"a": {"value": f"value {index}"}}, experiment=experiment) for index in range(4)]
    for job in jobs:
        place.ended(job)
    place.wait_for(lambda: all(place.get(f"/api/jobs/{job}")["job"]["mlflowRun"] for job in jobs), 120)
    visit = visiting(f"/runs?experiment={quote(experiment)}")
    visit.expect(*(f"(status|responded with a status of) 40[34].*{path}" for path in FAILING_PATHS))
    page = visit.page
    boxes = page.get_by_role("checkbox", name=re.compile("^Select (?!all)"))
    expect(boxes).to_have_count(4)
    boxes.nth(0).check()
    expect(page.get_by_text("1 selected")).to_be_visible()
    expect(page.get_by_role("link", name="Compare in MLflow")).to_have_count(0)
    boxes.nth(1).check()
    expect(page.get_by_role("link", name="Compare side by side")).to_be_visible()
    boxes.nth(2).check()
    boxes.nth(3).check()
    expect(page.get_by_text("4 selected")).to_be_visible()
    expect(page.get_by_role("link", name="Compare side by side")).to_be_visible()
    compared = page.get_by_role("link", name="Compare in MLflow")
    table = page.get_by_role("link", name="Runs table in MLflow")
    addresses = [str(link.get_attribute("href")) for link in (compared, table)]

    page.goto(addresses[0])
    expect(page.get_by_role("heading", name="Comparing 4 Runs from 1 Experiment")).to_be_visible()
    expect(page.get_by_text("value 3").first).to_be_visible()  # a parameter
    expect(page.get_by_role("link", name="compute_seconds")).to_be_visible()
    expect(page.locator(".js-plotly-plot .parcoords").first).to_be_visible()
    expect(page.locator("[data-assistant-ui]:visible")).to_have_count(0)

    page.goto(addresses[1])
    for job in jobs:
        expect(page.get_by_role("link", name=job[-6:])).to_be_visible()
