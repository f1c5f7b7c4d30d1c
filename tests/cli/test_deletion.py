"""`workbench erase` and `gc` on a whole stack: what is erased is in none of its files afterwards."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.graphs import document, script
from tests.cli.program import Program
from tests.cli.tracking import Run
from tests.live import wait_for
from workbench.embedded.raw_search import digest_needles, raw_traces

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]


def enlarge(image: dict[str, Any]) -> dict[str, Any]:
    return {"id": "up", "service": "generate.upscale_image", "input": {"image": image}}


def output_of(bench: Program, job: str) -> dict[str, Any]:
    rows = bench.json("job", "artifacts", job)
    fields = ("kind", "mediaType", "sha256", "sizeBytes", "width", "height")
    return next({name: row[name] for name in fields} for row in rows if row["node"] == "up")


def test_an_erased_portrait_and_all_that_came_of_it_are_in_no_file_of_the_home(bench: Program, tmp_path: Path) -> None:
    said = f"The code word of this morning is {secrets.token_hex(6)}."
    portrait = tmp_path / "portrait.png"
    Image.frombytes("RGB", (24, 24), secrets.token_bytes(3 * 24 * 24)).save(portrait)
    given = json.loads(bench.run("upload", str(portrait)))
    graph = json.dumps(document(script(text=said), enlarge(given)))
    shown = [bench.json("submit", "-", "--wait", "--experiment", "erased", given=graph)]
    first = output_of(bench, shown[0]["jobId"])
    again = json.dumps(document(enlarge(first)))
    shown.append(bench.json("submit", "-", "--wait", "--experiment", "erased", given=again))
    second = output_of(bench, shown[1]["jobId"])
    jobs = [each["jobId"] for each in shown]
    runs = [Run(each["mlflowRun"]) for each in shown]
    needles = [said.encode()] + [one for ref in (given, first, second) for one in digest_needles(ref["sha256"])]
    assert {trace.file.split("/")[0] for trace in raw_traces(bench.home, needles)} >= {
        "bus",
        "objects",
        "sql",
        "mlflow",
    }

    foreseen = bench.json("erase", str(portrait), "--dry-run")
    assert foreseen["jobs"] == jobs and foreseen["files"] == 3 and foreseen["stays"] == []
    refused = bench.try_("erase", str(portrait), "--json")  # prints nothing but the refusal
    assert (refused.code, refused.error["code"]) == (2, "deletion.unconfirmed")
    report = bench.json("erase", str(portrait), "--yes")
    assert report["jobs"] == jobs and report["whole"] and report["stays"] == [], report
    assert {done["part"] for done in report["compacted"]} == {"bus", "objects", "sql", "mlflow", "logs"}
    wait_for(lambda: raw_traces(bench.home, needles) == [], 30, str(raw_traces(bench.home, needles)))
    for run in runs:
        assert run.gone
    missing = bench.try_("erase", first["sha256"], "--yes", "--json")
    assert missing.error["code"] == "deletion.unknown"

    json.loads(bench.run("upload", str(portrait)))
    anew = bench.json("submit", "-", "--wait", given=graph)
    assert anew["status"] == "completed" and [node["cached"] for node in anew["nodes"]] == [False, False]
    assert output_of(bench, anew["jobId"])["sha256"] == first["sha256"]


def test_a_collection_shows_what_it_would_free_and_frees_that(bench: Program, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(secrets.token_hex(5_000))
    digest = json.loads(bench.run("upload", str(path)))["sha256"]
    assert digest in bench.run("upload", "--list")
    before = bench.json("gc", "--dry-run")
    assert digest[:12] in bench.run("upload", "--remove", digest[:16])
    foreseen = bench.json("gc", "--dry-run")
    assert foreseen["bytes"] - before["bytes"] >= 10_000
    report = bench.json("gc")
    assert report["removed"] == foreseen["removed"] and bench.json("gc", "--dry-run")["bytes"] == 0
    assert bench.try_("gc", "--older-than", "soon", "--json").error["details"]["where"] == "--older-than"
