"""Blind votes in a browser: a study from runs, a rater without an account, the ranking."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from schemas.job import JobRecord
from tests.app.pages.conftest import DESK, PATIENCE_MS, Visiting
from tests.app.pages.place import Place
from tests.app.pages.test_manners import MANNERS, PHONE
from tests.cli.graphs import document
from tests.store.media import write_clip, write_tone
from workbench.client.uploads import store_file
from workbench.client.view import final_video

pytestmark = [pytest.mark.stack, pytest.mark.slow]
AXES = ["lip sync", "overall"]


@pytest.fixture(scope="module")
def jobs(place: Place, tmp_path_factory: pytest.TempPathFactory) -> list[JobRecord]:
    """Three finished jobs with videos that differ."""
    folder, found = tmp_path_factory.mktemp("votes"), []
    tone = store_file(place.deployment, write_tone(folder / "tone.wav", 1.2), "audio", owner="local")[0]
    for hue in (0, 90, 180):
        clip = store_file(place.deployment, write_clip(folder / f"{hue}.mp4", 1.2, hue=hue), "video", owner="local")[0]
        given = {name: ref.model_dump(mode="json") for name, ref in (("video", clip), ("audio", tone))}
        node = {"id": "mux", "service": "generate.remux", "input": given}
        job = place.order(graph=document(node), consent={"given": True})
        found.append(place.ended(job))
    return found


@pytest.fixture
def link(place: Place, jobs: list[JobRecord]) -> str:
    """The address that a rater without an account gets."""
    settings = {"axes": AXES, "pairs": 3, "repeats": 0}
    study = place.post("/api/studies", json={"name": "Secret", "jobs": [job.id for job in jobs], "settings": settings})
    made = place.post(f"/api/studies/{study['id']}/links", json={"name": "crowd"})
    return str(made["path"])


@pytest.fixture
def stranger(browser: Browser, place: Place) -> Iterator[Page]:
    """A browser without any cookie of the workbench."""
    context = browser.new_context(viewport=DESK, base_url=place.url)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def is_playing(page: Page) -> None:
    page.wait_for_function(
        "[...document.querySelectorAll('video')].every((one) => one.readyState > 2 && one.currentTime > 0)"
    )


def test_a_rater_votes_by_keyboard_and_learns_nothing(
    stranger: Page, link: str, jobs: list[JobRecord], place: Place
) -> None:
    traffic: list[str] = []
    failed: list[str] = []

    def keep(response: Response) -> None:
        traffic.append(f"{response.url} {response.all_headers()}")
        if response.status >= 400:
            failed.append(f"{response.status} {response.url}")
        if "json" in response.headers.get("content-type", ""):
            traffic.append(response.text())

    stranger.on("response", keep)
    stranger.on("pageerror", lambda error: failed.append(str(error)))
    stranger.goto(link)
    expect(stranger).to_have_url(re.compile("/vote$"))
    expect(stranger.get_by_text("Pair 1 of 3")).to_be_visible()
    is_playing(stranger)
    times = "[...document.querySelectorAll('video')].map((one) => one.currentTime)"
    stranger.wait_for_function(f"(([left, right]) => Math.abs(left - right) < 0.06)({times})")
    assert stranger.evaluate("[...document.querySelectorAll('video')].every((one) => one.muted)")

    next_ = stranger.get_by_role("button", name="Next pair")
    expect(next_).to_be_disabled()
    stranger.keyboard.press("ArrowLeft")
    stranger.keyboard.press("ArrowDown")
    expect(stranger.locator("[data-axis='lip sync'] [data-choice=left]")).to_have_attribute("aria-checked", "true")
    expect(stranger.locator("[data-axis=overall] [data-choice=tie]")).to_have_attribute("aria-checked", "true")
    stranger.keyboard.press("Enter")
    expect(stranger.get_by_text("Pair 2 of 3")).to_be_visible()

    stranger.get_by_role("button", name="Undo").click()
    expect(stranger.get_by_text("Pair 1 of 3")).to_be_visible()
    for done in (1, 2, 3):
        expect(stranger.get_by_text(f"Pair {done} of 3")).to_be_visible()
        stranger.keyboard.press("ArrowRight")
        stranger.keyboard.press("ArrowRight")
        stranger.keyboard.press("Enter")
    expect(stranger.get_by_role("heading", name="Thank you")).to_be_visible()
    stranger.reload()
    expect(stranger.get_by_role("heading", name="Thank you")).to_be_visible()

    stranger.goto("/runs")
    expect(stranger).to_have_url(re.compile("/login"))
    assert failed == []
    received = "\n".join(traffic).replace(link, "")
    secrets = ["Secret", *(job.id for job in jobs)]
    secrets += [ref.sha256 for job in jobs if (ref := final_video(job)) is not None]
    assert [secret for secret in secrets if secret in received] == []


def test_a_link_that_has_ended_says_so(stranger: Page, link: str) -> None:
    stranger.goto(link[:-4])
    expect(stranger.get_by_role("heading", name="This link is not valid.")).to_be_visible()


def test_a_study_is_created_from_runs_and_shows_its_ranking(
    visiting: Visiting, place: Place, jobs: list[JobRecord]
) -> None:
    page = visiting(f"/vote?items={','.join(job.id for job in jobs)}").page
    expect(page.get_by_role("heading", name="New study of blind votes")).to_be_visible()
    page.get_by_label("Name (raters never see it)").fill("Three hues")
    page.get_by_label("Axes, one row each").fill("lip sync, overall")
    page.get_by_label("Pairs for each rater").fill("4")
    page.get_by_role("button", name="Create the study").click()
    expect(page.get_by_role("heading", name="Three hues")).to_be_visible()
    expect(page.get_by_text("No votes yet.", exact=True)).to_be_visible()
    study = page.url.partition("study=")[2]

    for choice in ("left", "right", "tie"):
        pair = place.post(f"/api/vote?study={study}")["pair"]["pair"]
        choices = {"lip sync": choice, "overall": "tie"}
        place.post(f"/api/vote/answer?study={study}", json={"pair": pair, "choices": choices, "seconds": 4})
    page.reload()
    page.get_by_role("button", name="lip sync").click()
    rows = page.locator("tr[data-item]")
    expect(rows).to_have_count(3)
    expect(rows.first.locator("svg")).to_have_attribute("aria-label", re.compile("from .* to "))

    page.get_by_label("Browsers that may use it").fill("5")
    page.get_by_role("button", name="New link").click()
    expect(page.locator(".wb-study-link")).to_contain_text(f"{place.url}/vote?link=")
    expect(page.get_by_role("cell", name="0 of 5 browsers")).to_be_visible()
    page.add_script_tag(path=MANNERS)
    assert page.evaluate("nameless()") == []
    address = page.get_by_role("link", name="Votes as CSV").get_attribute("href")
    assert address is not None
    assert len(page.request.get(address).text().splitlines()) == 7
    page.get_by_role("button", name="Close the voting").click()
    expect(page.get_by_text("Closed")).to_be_visible()
    page.goto("/studies")
    expect(page.locator(f"[data-study='{study}']")).to_contain_text("Three hues")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_needs_no_horizontal_scrolling(browser: Browser, place: Place, link: str, theme: str) -> None:
    context = browser.new_context(
        viewport=PHONE, base_url=place.url, color_scheme=theme, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_text("Pair 1 of 3")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.add_script_tag(path=MANNERS)
    assert page.evaluate("nameless()") == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(19, 19, 21)" if theme == "dark" else "rgb(247, 247, 245)"
    )
    page.get_by_role("radio", name="Left").first.tap()
    expect(page.locator("[data-axis='lip sync'] [data-choice=left]")).to_have_attribute("aria-checked", "true")
    context.close()
