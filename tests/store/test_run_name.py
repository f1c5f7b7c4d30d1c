"""The names of runs in MLflow tell runs apart: by what was changed, and by what is said."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.store.samples import make_job
from workbench.store.run_name import run_name

NODES = [
    ("script", "llm.generate_script", "control"),
    ("speech", "generate.hibari_tts", "data"),
    ("animate", "generate.portrait_animation", "data"),
]
SCRIPT = "Good morning. The experiment ran through the night, and every figure is in its place."


def record(asked: dict[str, Any] | None, params: dict[str, dict[str, Any]] | None = None, **fields: Any) -> JobRecord:
    params = {"script": {"script": SCRIPT}, **(params or {})}
    job = make_job("20261130-091740-cc76f8", nodes=NODES, params=params, pipeline="talking_head", **fields)
    if asked is not None:
        job.graph.metadata["asked"] = {"pipeline": "talking_head", "options": {}, "params": {}, **asked}
    return JobRecord(status=JobStatus.COMPLETED, **job.model_dump(exclude={"graph"}), graph=job.graph)


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        ({}, "talking_head · Good morning. The experiment"),
        ({"params": {"animate": {"sway": 0.4}}, "options": {"seed": 3}}, "sway 0.4, seed 3 · Good morning."),
        ({"params": {"animate": {"sway": 1.0}}}, "talking_head · "),  # the default, given by hand
        ({"options": {"portrait": "0" * 64, "script": SCRIPT}}, "talking_head · "),  # neither a file nor the text
        ({"options": {"leaveOut": ["evaluate"], "approve": True}}, "without evaluate, approve · "),
        ({"params": {"animate": {"sway": 0.4, "fps": 12}, "speech": {"speed": 1.2}}}, "sway 0.4, fps 12, speed 1.2"),
    ],
)
def test_what_was_changed_comes_first(asked: dict[str, Any], begins: str) -> None:
    name = run_name(record(asked))
    assert name.startswith(begins) and name.endswith(" · cc76f8")


def test_a_parameter_that_two_nodes_have_names_its_node() -> None:
    both = {"a": {"speed": 1.1}, "b": {"speed": 1.2}}
    nodes = [("a", "generate.hibari_tts", "data"), ("b", "generate.hibari_tts", "data")]
    job = make_job("j-1", nodes=nodes, params=both)
    whole = JobRecord(status=JobStatus.COMPLETED, **job.model_dump(exclude={"graph"}), graph=job.graph)
    assert run_name(whole).startswith("a.speed 1.1, b.speed 1.2 · ")


def test_a_graph_of_ones_own_is_compared_with_the_defaults_of_its_services() -> None:
    assert run_name(record(None, {"animate": {"sway": 0.4, "fps": 25}}, seed=7)).startswith("sway 0.4, seed 7 · Good")


def test_many_changes_are_cut_so_that_the_text_and_the_id_stay() -> None:
    many = {"animate": {"sway": 0.123456, "fps": 12, "expression": 0.9, "blinks_per_minute": 3.5, "mouth": 0.25}}
    name = run_name(record({"params": many}))
    assert len(name) <= 120 and "…" in name and "Good morning" in name and name.endswith("cc76f8")
