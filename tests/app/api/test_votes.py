"""Studies and blind votes over HTTP, with videos of real jobs."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from schemas.job import JobRecord
from tests.app.api.conftest import Asking, Client, refused
from tests.app.api.test_downloads import remuxed, video_of
from tests.live import LiveDeployment
from workbench.app.server import create_app
from workbench.store.rater_links import RaterLinks
from workbench.store.tables import rater_links
from workbench.store.votes import Votes

pytestmark = pytest.mark.stack
AXES = ["lip sync", "overall"]
Made = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def _jobs(_live: LiveDeployment, tmp_path_factory: pytest.TempPathFactory) -> list[JobRecord]:
    _live.ensure()
    return [remuxed(_live, tmp_path_factory.mktemp(f"film-{hue}"), 100 + hue)[0] for hue in range(3)]


@pytest.fixture
def jobs(live: LiveDeployment, _jobs: list[JobRecord]) -> list[JobRecord]:
    return _jobs


@pytest.fixture
def made(api: Client, jobs: list[JobRecord]) -> Made:
    """Create a study of three videos; returns it."""

    def create(**settings: Any) -> dict[str, Any]:
        asked = {"name": "A study", "jobs": [job.id for job in jobs], "settings": {"axes": AXES, **settings}}
        answer = api.post("/api/studies", json=asked)
        assert answer.status_code == 201, answer.text
        study: dict[str, Any] = answer.json()
        return study

    return create


def visitor(live: LiveDeployment, path: str) -> TestClient:
    """The browser of someone without a login who follows a link to the page. No guard: ``state`` has no user."""
    client = TestClient(create_app(live.deployment, pages=False), "http://127.0.0.1:7000")
    client.opened = client.get(path, follow_redirects=False)  # type: ignore[attr-defined]
    return client


def vote(client: Client, study: str, choice: str = "left", **choices: str) -> dict[str, Any]:
    """Answer the pair on show; returns the next state."""
    here = f"?study={study}" if study else ""
    state = client.post(f"/api/vote{here}").json()
    given = {"pair": state["pair"]["pair"], "choices": {**dict.fromkeys(AXES, choice), **choices}, "seconds": 3.5}
    answer = client.post(f"/api/vote/answer{here}", json=given)
    assert answer.status_code == 200, answer.text
    after: dict[str, Any] = answer.json()
    return after


def test_a_study_is_voted_on_ranked_and_exported(api: Client, made: Made, jobs: list[JobRecord]) -> None:
    study = made(pairs=4, repeats=0)
    assert [item["label"] for item in study["contents"]] == [item["label"].strip() for item in study["contents"]]
    assert len({item["label"] for item in study["contents"]}) == 3
    here = study["id"]
    for answered in range(1, 5):
        assert vote(api, here, "left", overall="tie")["answered"] == answered
    end = api.post(f"/api/vote?study={here}").json()
    assert (end["pair"], end["reason"]) == (None, "That was the last pair.")

    shown = api.get(f"/api/studies/{here}").json()
    assert (shown["pairs"], shown["raters"], shown["results"]["secondsAPair"]) == (4, 1, 3.5)
    lips, overall = shown["results"]["axes"]
    assert (lips["votes"], overall["votes"]) == (4, 4)
    assert all(one["low"] <= one["strength"] <= one["high"] for one in lips["ranking"])
    assert [one["strength"] for one in overall["ranking"]] == pytest.approx([0, 0, 0], abs=1e-3)

    listed = api.get("/api/studies").json()["studies"]
    assert here in [one["id"] for one in listed]
    rows = list(csv.DictReader(io.StringIO(api.get(f"/api/studies/{here}/votes?format=csv").text)))
    assert len(rows) == 8
    assert {row["left_job"] for row in rows} <= {job.id for job in jobs}
    assert {(row["axis"], row["choice"]) for row in rows} == {("lip sync", "left"), ("overall", "tie")}
    raw = api.get(f"/api/studies/{here}/votes").json()
    assert [one["rater"] for one in raw["votes"]] == ["user local"] * 8

    assert api.post(f"/api/studies/{here}/close").json()["state"] == "closed"
    assert api.post(f"/api/vote?study={here}").json()["reason"] == "This study is closed."
    assert api.delete(f"/api/studies/{here}").status_code == 204
    refused(api.get(f"/api/studies/{here}"), 404, "study.unknown")


def test_bad_studies_are_refused(api: Client, asking: Asking, jobs: list[JobRecord], live: LiveDeployment) -> None:
    one = jobs[0].id
    details = refused(api.post("/api/studies", json={"name": "x", "jobs": [one, one]}), 422, "study.bad_items")
    assert details["allowed"] == "2 to 100 completed jobs with a video"
    without = live.run({"a": {"service": "probe.data", "params": {"value": "v"}}})
    refused(api.post("/api/studies", json={"name": "x", "jobs": [one, without.id]}), 422, "study.bad_items")
    refused(api.post("/api/studies", json={"name": "x", "sweep": "none"}), 422, "study.bad_items")
    refused(api.post("/api/studies", json={"name": "x", "jobs": [one, "20200101-000000-abcdef"]}), 404, "job.unknown")
    both = [job.id for job in jobs]
    refused(asking("eve").post("/api/studies", json={"name": "x", "jobs": both}), 404, "job.unknown")
    refused(asking("vi/viewer").post("/api/studies", json={"name": "x", "jobs": both}), 403, "access.forbidden")


def test_the_studies_of_others_are_hidden_but_may_be_voted_on(made: Made, asking: Asking) -> None:
    here, eve = made(repeats=0)["id"], asking("eve")
    assert here not in [one["id"] for one in eve.get("/api/studies").json()["studies"]]
    for path in ("", "/votes"):
        refused(eve.get(f"/api/studies/{here}{path}"), 404, "study.unknown")
    refused(eve.post(f"/api/studies/{here}/close"), 404, "study.unknown")
    refused(asking("vi/viewer").post(f"/api/studies/{here}/close"), 403, "access.forbidden")
    assert vote(eve, here)["answered"] == 1


def test_a_bad_vote_is_refused_and_an_equal_one_changes_nothing(api: Client, made: Made, asking: Asking) -> None:
    here = made()["id"]
    address = f"/api/vote/answer?study={here}"
    pair = api.post(f"/api/vote?study={here}").json()["pair"]["pair"]
    partly = {"pair": pair, "choices": {"overall": "left"}}
    assert refused(api.post(address, json=partly), 422, "vote.bad_choice")["allowed"] == AXES
    refused(api.post(address, json={"pair": pair, "choices": {"overall": "both"}}), 422, "request.invalid")
    full = {"pair": pair, "choices": dict.fromkeys(AXES, "left")}
    refused(asking("eve").post(address, json=full), 404, "vote.unknown")
    assert api.post(address, json=full).json()["answered"] == 1
    assert api.post(address, json=full).json()["answered"] == 1
    changed = {"pair": pair, "choices": dict.fromkeys(AXES, "right")}
    refused(api.post(address, json=changed), 409, "vote.answered")


def test_the_last_vote_is_taken_back(api: Client, made: Made) -> None:
    here = made(repeats=0)["id"]
    undo = f"/api/vote/undo?study={here}"
    refused(api.post(undo), 409, "vote.nothing_to_undo")
    first = api.post(f"/api/vote?study={here}").json()["pair"]
    vote(api, here)
    again = api.post(undo).json()
    assert (again["answered"], again["pair"]) == (0, first)
    assert api.get(f"/api/studies/{here}/votes").json()["votes"] == []
    assert vote(api, here, "right")["answered"] == 1


def test_every_window_shows_the_same_pair_and_repeats_swap_the_sides(api: Client, made: Made) -> None:
    here = made(pairs=14, repeats=0.5)["id"]
    one, two = (api.post(f"/api/vote?study={here}").json() for _ in range(2))
    assert one == two
    for _ in range(14):
        vote(api, here)
    raw = [one for one in api.get(f"/api/studies/{here}/votes").json()["votes"] if one["axis"] == "overall"]
    by_pair = {one["pair"]: one for one in raw}
    repeats = [one for one in raw if one["repeatOf"]]
    assert repeats
    for again in repeats:
        first = by_pair[again["repeatOf"]]
        assert (again["leftJob"], again["rightJob"]) == (first["rightJob"], first["leftJob"])
    overall = api.get(f"/api/studies/{here}").json()["results"]["axes"][1]
    assert (overall["votes"], overall["repeats"]) == (14 - len(repeats), len(repeats))
    assert overall["consistency"] == 0  # always left, with the sides swapped


def test_a_deleted_job_is_shown_no_more_and_its_votes_stay(
    api: Client, jobs: list[JobRecord], live: LiveDeployment, tmp_path: Path
) -> None:
    doomed = remuxed(live, tmp_path, 140)[0]
    asked = {"name": "x", "jobs": [jobs[0].id, jobs[1].id, doomed.id], "settings": {"axes": AXES, "repeats": 0}}
    here = api.post("/api/studies", json=asked).json()["id"]
    for _ in range(3):
        vote(api, here)
    while doomed.id not in _on_show(live, here):
        vote(api, here)
    shown = api.post(f"/api/vote?study={here}").json()["pair"]
    before = len(api.get(f"/api/studies/{here}/votes").json()["votes"])
    assert api.delete(f"/api/jobs/{doomed.id}").status_code == 200
    refused(api.get(shown["left"]), 404, "vote.unknown")
    after = api.post(f"/api/vote?study={here}").json()
    assert after["pair"]["pair"] != shown["pair"]
    for _ in range(4):
        assert doomed.id not in _on_show(live, here)
        vote(api, here)
    study = api.get(f"/api/studies/{here}").json()
    assert [item["gone"] for item in study["contents"]] == [False, False, True]
    assert len(api.get(f"/api/studies/{here}/votes").json()["votes"]) == before + 8
    assert next(one for one in study["results"]["axes"][1]["ranking"] if one["item"] == 2)["votes"] > 0


def _on_show(live: LiveDeployment, study: str) -> set[str]:
    store = Votes(live.deployment.store.database)
    found = store.get(study)
    assert found is not None
    shown = store.on_show(study, "user local")
    return set() if shown is None else {found.items[at].job for at in (shown.left, shown.right)}


# -- raters without an account --------------------------------------------------------------------------------------


def test_a_link_lets_one_browser_vote_and_nothing_else(api: Client, made: Made, live: LiveDeployment) -> None:
    here = made(pairs=3, repeats=0)["id"]
    link = api.post(f"/api/studies/{here}/links", json={"name": "crowd", "mostPairs": 2}).json()
    assert link["token"] not in api.get(f"/api/studies/{here}").text
    first = visitor(live, link["path"])
    assert (first.opened.status_code, first.opened.headers["location"]) == (303, "/vote")
    assert first.get("/vote").status_code == 200
    assert vote(first, "")["answered"] == 1
    assert first.get(link["path"]).status_code == 200  # the same browser opens it again

    second = visitor(live, link["path"]).opened
    assert second.status_code == 409
    assert "in use in another browser" in second.text and "Votes that you have given are kept" in second.text

    end = vote(first, "")
    assert (end["answered"], end["wanted"], end["pair"]) == (2, 2, None)
    [shown] = api.get(f"/api/studies/{here}").json()["links"]
    assert (shown["answered"], shown["raters"], shown["mostPairs"]) == (2, 1, 2)
    assert "token" not in shown
    raters = {one["rater"] for one in api.get(f"/api/studies/{here}/votes").json()["votes"]}
    assert raters == {"link crowd #1"}


def test_a_link_ends_when_it_is_revoked_or_expires(api: Client, made: Made, live: LiveDeployment) -> None:
    here = made()["id"]
    links = f"/api/studies/{here}/links"
    one, two = (api.post(links, json={"name": name, "mostRaters": 3}).json() for name in ("one", "two"))
    refused(api.post(links, json={"name": "one"}), 409, "rater_link.exists")
    first, second = visitor(live, one["path"]), visitor(live, two["path"])
    vote(first, ""), vote(second, "")
    video = first.post("/api/vote").json()["pair"]["left"]
    assert first.get(video).status_code == 200

    assert api.delete(f"{links}/one").status_code == 204
    refused(api.delete(f"{links}/none"), 401, "rater_link.unknown")
    details = refused(first.post("/api/vote"), 410, "rater_link.ended")
    assert "kept" in details["remedy"]
    refused(first.get(video), 410, "rater_link.ended")
    assert "was revoked" in first.get("/vote").text

    with live.deployment.store.database.write() as connection:
        connection.execute(rater_links.update().where(rater_links.c.name == "two").values(expires_at=time.time()))
    refused(second.post("/api/vote"), 410, "rater_link.ended")
    late = visitor(live, two["path"]).opened
    assert late.status_code == 410 and "has expired" in late.text
    assert len(api.get(f"/api/studies/{here}/votes").json()["votes"]) == 4


def test_a_guessed_link_opens_nothing(made: Made, api: Client, live: LiveDeployment) -> None:
    here = made()["id"]
    stranger = visitor(live, "/vote?link=guess")
    assert stranger.opened.status_code == 401 and "not valid" in stranger.opened.text
    refused(stranger.post("/api/vote"), 401, "rater_link.unknown")
    refused(stranger.post(f"/api/vote?study={here}"), 401, "rater_link.unknown")
    pair = api.post(f"/api/vote?study={here}").json()["pair"]
    refused(stranger.get(pair["left"]), 401, "rater_link.unknown")
    stored = str(RaterLinks(live.deployment.store.database).of(here))
    assert "token" not in stored


def test_nothing_that_a_rater_receives_names_a_run(
    api: Client, made: Made, live: LiveDeployment, jobs: list[JobRecord]
) -> None:
    study = made(pairs=6, repeats=0.4)
    link = api.post(f"/api/studies/{study['id']}/links", json={"name": "crowd"}).json()
    client = visitor(live, link["path"])
    seen: list[bytes] = []

    def keep(answer: Any) -> Any:
        seen.append(repr(answer.headers).encode() + answer.content)
        return answer

    addresses = set()
    for _ in range(6):
        state = keep(client.post("/api/vote")).json()
        for side in ("left", "right"):
            addresses.add(state["pair"][side])
            whole, piece = (
                keep(client.get(state["pair"][side], headers=more)) for more in ({}, {"Range": "bytes=0-99"})
            )
            assert (whole.status_code, piece.status_code, len(piece.content)) == (200, 206, 100)
            assert whole.headers["content-type"] == "video/mp4" and whole.content[4:8] == b"ftyp"
        given = {"pair": state["pair"]["pair"], "choices": dict.fromkeys(AXES, "tie")}
        keep(client.post("/api/vote/answer", json=given))
        refused(keep(client.get(state["pair"]["left"])), 404, "vote.unknown")  # only while it is on show
    keep(client.get("/vote"))
    assert len(addresses) == 12  # a video has another address each time
    words = [study["id"], study["name"], "mux", "remux"]
    for job, item in zip(jobs, study["contents"], strict=True):
        words += [job.id, video_of(job).sha256, video_of(job).sha256[:12], item["label"]]
    received = b"\n".join(seen)
    assert [word for word in words if word.encode() in received] == []
