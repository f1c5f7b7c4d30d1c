"""Videos side by side: labels, differences, the best metrics, intervals over seeds, series, and what is missing."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest

from nodes._frame_series import write_series
from schemas.comparison import Comparison
from schemas.event import EventType
from schemas.frame_series import PARQUET, SeriesFacts
from schemas.refs import REF_TYPES, Ref
from tests.app.uploads.conftest import Post
from tests.numbered_clips import numbered_clip
from tests.store.samples import completed, make_job, plain, running
from workbench.client.deployment import Deployment

pytestmark = pytest.mark.stack
NODES = [("animate", "generate.portrait_animation", "data"), ("final", "generate.remux", "data"),
         ("evaluate", "evaluate.basic", "data")]  # fmt: skip
WORDS = [{"text": "Good", "start_s": 0.1, "end_s": 0.3}, {"text": "morning.", "start_s": 0.3, "end_s": 0.8}]


def stored(deployment: Deployment, path: Path, kind: str, **facts: Any) -> Ref:
    data = path.read_bytes()
    facts = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), "kind": kind, **facts}
    ref = REF_TYPES[kind].model_validate(facts)
    deployment.keep(path, ref)
    return ref


def run(
    deployment: Deployment,
    folder: Path,
    *,
    params: dict[str, Any],
    wer: float,
    seed: int = 0,
    owner: str = "ann",
    series: bool = False,
    **clip: Any,
) -> str:
    """A finished job with a clip of its own."""
    job = make_job(nodes=NODES, params={"animate": params}, owner=owner, seed=seed, sweep="s1")
    name = f"{job.id}.mp4"
    path = numbered_clip(folder / name, **{"frames": 25 + seed, **clip})
    video = stored(deployment, path, "video").model_dump(mode="json")
    output: dict[str, Any] = {"report": {}}
    if series:
        table = folder / f"{job.id}.parquet"
        facts = [SeriesFacts(name="mouth_opening", unit="eye distances", meaning="Gap between the inner lips.")]
        write_series(table, [0, 1, 4], [0.0, 0.04, 0.16], {"mouth_opening": [0.25, float("nan"), 0.5]}, facts)
        output["series"] = stored(deployment, table, "file", media_type=PARQUET).model_dump(mode="json")
    deployment.store.create(job)
    deployment.store.apply(
        [
            plain(job.id, 1, EventType.JOB_ACCEPTED),
            running(job.id, 2, "animate"),
            completed(job.id, 3, "animate", {"words": WORDS}),
            completed(job.id, 4, "final", {"video": video}),
            completed(job.id, 5, "evaluate", output, metrics={"word_error_rate": wer, "frames": 25.0}),
            plain(job.id, 6, EventType.JOB_COMPLETED),
        ]
    )
    return job.id


def compared(client: httpx.Client, *names: str, user: str = "ann/runner") -> Comparison:
    answer = client.get("/api/compare", params={"videos": ",".join(names)}, headers={"x-user": user})
    assert answer.status_code == 200, answer.text
    return Comparison.model_validate(answer.json())


def test_videos_are_named_by_what_differs_and_the_best_metrics_are_marked(
    client: httpx.Client, deployment: Deployment, tmp_path: Path
) -> None:
    calm = run(deployment, tmp_path, params={"sway": 0.25, "blink": True, "fps": 25}, wer=0.5, series=True)
    wild = run(deployment, tmp_path, params={"sway": 1.5, "blink": True, "fps": 25}, wer=0.25)
    found = compared(client, calm, wild)
    assert [video.label for video in found.videos] == ["sway 0.25", "sway 1.5"]
    assert [(one.name, one.values) for one in found.differences] == [("animate.sway", [0.25, 1.5])]
    metric = next(one for one in found.metrics if one.name == "evaluate.word_error_rate")
    assert (metric.values, metric.best, metric.better) == ([0.5, 0.25], [1], "lower")
    assert next(one for one in found.metrics if one.name == "evaluate.frames").best == []
    first = found.videos[0]
    assert (first.node, first.output, first.frames, first.fps) == ("final", "video", 25, 25)
    assert first.spoken and [word.text for word in first.spoken.words] == ["Good", "morning."]
    (series,) = found.series
    assert series.name == "mouth_opening" and series.of[0] and series.of[1] is None
    values = client.get(f"/api/artifacts/{series.of[0]}/series", headers={"x-user": "ann"}).json()
    assert values["frames"] == [0, 1, 4] and values["timesS"] == [0.0, 0.04, 0.16]
    assert values["series"][0]["values"] == [0.25, None, 0.5] and values["series"][0]["unit"] == "eye distances"
    assert client.get(f"/api/artifacts/{series.of[0]}/series", headers={"x-user": "bob"}).status_code == 404
    answer = client.get(f"/api/artifacts/{first.sha256}/series", headers={"x-user": "ann"})
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact.no_series")


def test_runs_that_differ_only_by_seed_give_intervals(
    client: httpx.Client, deployment: Deployment, tmp_path: Path
) -> None:
    seeds = [run(deployment, tmp_path, params={"sway": 3.0}, wer=wer, seed=seed) for seed, wer in enumerate((1, 2, 3))]
    other = run(deployment, tmp_path, params={"sway": 4.0}, wer=9)
    found = compared(client, seeds[0], other)
    metric = next(one for one in found.metrics if one.name == "evaluate.word_error_rate")
    spread = metric.intervals[0]
    assert spread and (spread.mean, spread.runs) == (2, 3) and metric.intervals[1] is None
    assert spread.high - 2 == pytest.approx(4.303 / 3**0.5, abs=0.001)  # Student's t, 2 degrees of freedom, deviation 1
    assert [video.label for video in compared(client, *seeds).videos] == ["seed 0", "seed 1", "seed 2"]


def test_files_from_outside_and_other_rates_and_lengths_are_told(
    client: httpx.Client, deployment: Deployment, post: Post, tmp_path: Path
) -> None:
    mine = run(deployment, tmp_path, params={"sway": 5.0}, wer=1)
    path = numbered_clip(tmp_path / "real.mp4", frames=60, fps=Fraction(30), size=(96, 64))
    outside = post(path.read_bytes(), "real.mp4").json()["ref"]["sha256"]
    found = compared(client, mine, outside)
    assert found.videos[1].label == "real.mp4" and found.videos[1].job is None and not found.differences
    told = " ".join(found.notes)
    assert "frame rates differ (25, 30" in told and "lengths differ (1.00 to 2.00 s)" in told and "sizes differ" in told


def test_what_is_gone_or_hidden_is_said_and_the_rest_is_shown(
    client: httpx.Client, deployment: Deployment, tmp_path: Path
) -> None:
    mine = run(deployment, tmp_path, params={"sway": 6.0}, wer=1)
    hidden = run(deployment, tmp_path, params={"sway": 7.0}, wer=0, owner="bob")
    found = compared(client, mine, hidden, "f" * 32, f"{mine}:animate.video", "e" * 64)
    assert [bool(video.missing) for video in found.videos] == [False, True, True, True, True]
    assert found.videos[1].missing == found.videos[2].missing.replace("f" * 32, hidden)
    assert "has no video animate.video" in found.videos[3].missing and len(found.notes) == 4
    assert len({video.label for video in found.videos}) == 5 and not found.differences
    assert compared(client, mine, hidden, user="bob/admin").videos[1].missing == ""


@pytest.mark.parametrize(
    ("videos", "word"),
    [("", "2 to 9"), ("a", "2 to 9"), ("a,a", "2 to 9"), (",".join(map(str, range(10))), "2 to 9"),
     ("a,../b", "digest"), ("a,b:c", "digest")],
)  # fmt: skip
def test_a_wrong_request_is_refused_with_what_is_allowed(client: httpx.Client, videos: str, word: str) -> None:
    answer = client.get("/api/compare", params={"videos": videos})
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert word in answer.json()["details"]["allowed"]
