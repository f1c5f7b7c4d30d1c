"""The guard lets raters without an account reach the page of their link, its modules and calls, and nothing else."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from schemas.vote import NewRaterLink, StudyItem, StudySettings
from tests.app.access.conftest import Launch
from workbench.client.deployment import Deployment
from workbench.store.rater_links import RaterLinks
from workbench.store.users import Users
from workbench.store.votes import Votes

PAGE = {"Accept": "text/html,*/*"}


@pytest.fixture
def link(deployment: Deployment, users: Users) -> NewRaterLink:
    database = deployment.store.database
    items = [StudyItem(job=f"job-{at}", sha256=str(at) * 64, label=f"item {at}") for at in range(2)]
    study = Votes(database).create("ann", "A study", "workbench", items, StudySettings(axes=["overall"]))
    return RaterLinks(database).add(study.id, "crowd", lasts_s=60, most_pairs=5, most_raters=1)


@pytest.fixture(params=["users", "home token"])
def rater(launch: Launch, link: NewRaterLink, request: pytest.FixtureRequest) -> TestClient:
    """A browser that followed the link, to a server where people log in, and to one that a token opens."""
    client = launch() if request.param == "users" else launch("127.0.0.1", app_token="t" * 43)
    opened = client.get(link.path, headers=PAGE)
    assert (opened.status_code, opened.headers["location"]) == (303, "/vote")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and link.token not in cookie
    return client


def test_a_rater_reaches_the_page_its_modules_and_its_calls(rater: TestClient) -> None:
    page = rater.get("/vote", headers=PAGE)
    assert page.status_code == 200 and "/web/vote.js" in page.text
    assert rater.get("/web/vote.js").status_code == 404  # not refused: these tests have no pages
    assert rater.post("/api/vote", headers={"Origin": "http://127.0.0.1:7860"}).json()["reason"] != ""


@pytest.mark.parametrize(
    "path",
    ["/", "/api/studies", "/api/session", "/api/jobs", "/api/votes", "/runs", "/config", "/voted", "/openapi.json"],
)
def test_a_rater_reaches_nothing_else(rater: TestClient, path: str) -> None:
    assert rater.get(path).status_code == 401


def test_another_site_cannot_vote_for_a_rater(rater: TestClient) -> None:
    answer = rater.post("/api/vote", headers={"Origin": "http://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "access.cross_site")


def test_a_stranger_reaches_neither_modules_nor_pairs(launch: Launch, link: NewRaterLink) -> None:
    client = launch()
    assert client.get("/web/vote.js").status_code == 401
    assert client.post("/api/vote").json()["code"] == "rater_link.unknown"
    assert client.get("/vote", headers=PAGE).headers["location"].startswith("/login?next=%2Fvote")
    client.cookies.set("workbench_rater_7860", "guess")
    assert client.get("/web/vote.js").status_code == 401
    assert "not valid" in client.get("/vote", headers=PAGE).text


def test_guesses_are_slowed_down(launch: Launch, link: NewRaterLink) -> None:
    client = launch()
    statuses = [client.get(f"/vote?link=guess{at}", headers=PAGE).status_code for at in range(8)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert client.get(link.path, headers=PAGE).status_code == 303  # the right one is no guess


def test_a_logged_in_user_is_led_to_the_studies(browser: TestClient) -> None:
    led = browser.get("/vote?items=a,b", headers=PAGE)
    assert (led.status_code, led.headers["location"]) == (303, "/studies?items=a%2Cb")
    assert browser.get("/vote?study=0123456789abcdef", headers=PAGE).status_code == 200
