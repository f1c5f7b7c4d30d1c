"""The services of the deployment, live: pipeline cards and the System page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.app.pages.test_form import fill_in, generate

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def workers_of(place: Place) -> list[dict[str, Any]]:
    """The announcements of the running workers."""
    return [one["manifest"] for one in place.get("/api/system")["workers"]]


def test_arrow_keys_choose_a_pipeline(place: Place, visiting: Visiting) -> None:
    page = visiting().page
    cards = page.get_by_role("radiogroup", name="Pipeline").get_by_role("radio")
    expect(cards.first).to_be_visible()
    names = [pipeline["name"] for pipeline in place.get("/api/pipelines")["pipelines"]]
    expect(cards).to_have_count(len(names))
    page.locator('[role=radio][aria-checked="true"]').focus()
    for key, step in (("ArrowRight", 1), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        chosen = page.locator('[role=radio][aria-checked="true"]')
        expect(chosen).to_have_attribute("data-pipeline", names[step % len(names)])
        expect(chosen).to_be_focused()
        expect(page.locator('[role=radio][tabindex="0"]')).to_have_count(1)


def test_card_is_grey_and_a_job_names_the_missing_service_until_a_worker_returns(
    place: Place, visiting: Visiting
) -> None:
    page = visiting().page
    fill_in(page, "Nobody has spoken this before.")  # a cache hit would need no worker
    lack = page.locator("#monitor .wb-notice")
    card = page.locator('.wb-card[data-pipeline="talking_head"]')
    expect(card).to_have_attribute("data-offered", "true")
    workers = workers_of(place)
    with place.without_restarts():
        place.program.run("queue", "drain", next(one["worker"] for one in workers if one["plane"] == "data"))
        expect(card).to_have_attribute("data-offered", "false")
        expect(card.locator(".wb-card-state")).to_contain_text("no worker")
        generate(page)
        expect(lack).to_contain_text("Queued: no worker provides")
        expect(lack).to_contain_text("generate.hibari_tts ")
        expect(lack).to_contain_text("workbench worker --pool cpu")
    expect(card).to_have_attribute("data-offered", "true", timeout=90_000)
    expect(lack).to_have_count(0)
    place.cancel(page.url.partition("job=")[2].partition("&")[0])


def test_parts_workers_and_queues_are_shown(place: Place, visiting: Visiting, gate: Path) -> None:
    job = place.submit({"held": {"gate": str(gate)}})
    page = visiting("/system").page
    for part in ("bus", "objects", "sql", "mlflow", "control", "worker", "app"):
        expect(page.locator(".wb-tile", has=page.get_by_text(part, exact=True)).first).to_be_visible()
    expect(page.get_by_role("row", name="data.cpu")).to_be_visible()
    name = next(one["worker"] for one in workers_of(place) if one["plane"] == "data")
    worker = page.locator(".wb-tile", has=page.get_by_text(name)).last
    worker.locator("summary").click()
    expect(worker.get_by_text("generate.hibari_tts").first).to_be_visible()
    expect(page.get_by_role("heading", name="Storage")).to_be_visible()
    # the control plane, the active workers and their services
    expect(page.locator(".wb-tile", has=page.get_by_text("Reconciler", exact=True)).locator(".wb-badge")).to_have_text(
        "open"
    )
    expect(page.locator(".wb-tile", has=page.get_by_text("Recorder", exact=True))).to_contain_text("recorded")
    expect(page.get_by_role("row", name=job[:15])).to_contain_text("held")
    expect(page.get_by_role("row", name="generate.f5_tts")).to_contain_text("no worker")
    page.locator("summary", has_text="available services").click()
    expect(page.get_by_role("row", name="generate.hibari_tts")).to_contain_text("cpu-")
    gate.touch()
    expect(page.get_by_text("No nodes are running.")).to_be_visible()


def test_a_stopped_server_is_shown_with_its_remedy(place: Place, visiting: Visiting) -> None:
    page = visiting("/system").page
    tile = page.locator(".wb-tile", has=page.get_by_text("mlflow", exact=True)).first
    expect(tile.locator(".wb-badge")).to_have_text("up", timeout=90_000)
    place.kill("mlflow")
    expect(tile.locator(".wb-badge")).not_to_have_text("up")
    expect(tile.locator("p.wb-muted").first).to_be_visible()
    expect(tile.locator(".wb-badge")).to_have_text("up", timeout=120_000)
    expect(tile).to_contain_text("restarted")
