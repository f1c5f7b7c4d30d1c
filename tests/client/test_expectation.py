"""Expected times follow the length of what is said: of a recording, or of a text before it is spoken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.event import EventType
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.refs import AudioRef
from schemas.status import JobStatus
from tests.store.samples import completed, make_job, plain, running
from workbench.client.expectation import Expectation
from workbench.client.live.state import LiveJob
from workbench.client.pace import Pace
from workbench.client.speech_length import SECONDS_PER_CHARACTER
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.typical import PastRun

NODES = [
    ("script", "llm.generate_script", "control"),
    ("speech", "generate.hibari_tts", "data"),
    ("remux", "generate.remux", "data"),
]
S_PER_CHARACTER, S_PER_SECOND = 0.05, 0.5  # of the past runs below


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore.open(Settings(sql_url=f"sqlite:///{tmp_path}/jobs.db"))
    yield store
    store.close()


def audio(length_s: float) -> dict[str, Any]:
    return {"audio": AudioRef(sha256=f"{int(length_s * 1000):064x}", duration_s=length_s).model_dump(mode="json")}


def graph_of(params: Mapping[str, Any], nodes: Any = NODES) -> Graph:
    graph = make_job(nodes=nodes, params={"script": dict(params)}).graph
    for node, inputs in (("speech", {"narration": "$script.narration"}), ("remux", {"audio": "$speech.audio"})):
        next(one for one in graph.nodes if one.id == node).input.update(inputs)
    return graph


def ran(store: JobStore, characters: int) -> None:
    """Record a completed job with a text of this length."""
    job = make_job(nodes=NODES, params={"script": {"script": "x" * characters}})
    store.create(job)
    length_s = characters * S_PER_CHARACTER
    outputs: dict[str, tuple[dict[str, Any], float]] = {
        "script": ({"narration": "x" * characters}, 0.1),
        "speech": (audio(length_s), S_PER_SECOND * length_s),
        "remux": ({}, 2.0 + S_PER_SECOND * length_s),
    }
    events = []
    for node, (output, seconds) in outputs.items():
        events.append(running(job.id, len(events) + 1, node))
        events.append(completed(job.id, len(events) + 1, node, output, seconds=seconds))
    store.apply([*events, plain(job.id, len(events) + 1, EventType.JOB_COMPLETED)])


def test_a_long_text_is_expected_to_take_longer_in_proportion(store: JobStore) -> None:
    for characters in (40, 60, 400):
        ran(store, characters)
    short, long = (Expectation.of(store.database, graph_of({"script": "y" * size})) for size in (100, 100_000))
    assert short.length_s == pytest.approx(5) and long.length_s == pytest.approx(5000)
    assert short.seconds["speech"] == pytest.approx(2.5) and long.seconds["speech"] == pytest.approx(2500)
    assert long.seconds["remux"] == pytest.approx(2502), "the fixed part counts once"
    assert short.seconds["script"] == long.seconds["script"], "a service without audio has a fixed time"
    assert long.longest_s == pytest.approx(20) and len(long.jobs) == 3


def test_a_recording_is_as_long_as_it_is(store: JobStore) -> None:
    ran(store, 100)
    graph = make_job(nodes=NODES[2:]).graph
    graph.nodes[0].input.update(audio(600.0))
    assert Expectation.of(store.database, graph).length_s == pytest.approx(600)


def test_a_voice_without_past_runs_speaks_at_the_usual_rate(store: JobStore) -> None:
    expected = Expectation.of(store.database, graph_of({"script": "y" * 300}))
    assert expected.length_s == pytest.approx(300 * SECONDS_PER_CHARACTER)
    assert expected.seconds == {}


def test_a_prompt_is_expected_to_give_a_text_of_the_usual_length(store: JobStore) -> None:
    for characters in (60, 80, 100):
        ran(store, characters)
    assert Expectation.of(store.database, graph_of({"prompt": "z" * 5000})).length_s == pytest.approx(4)


def test_what_is_left_follows_the_text_as_soon_as_it_is_written(store: JobStore) -> None:
    for characters in (60, 80, 400):
        ran(store, characters)
    graph = graph_of({"prompt": "a long lecture"})
    record = JobRecord(id="job", status=JobStatus.RUNNING, graph=graph, graph_hash="", nodes=make_nodes(graph))
    live = LiveJob(record, Expectation.of_job(store.database, record))
    before = live.state().seconds_left
    live.see(running("job", 1, "script"))
    live.see(completed("job", 2, "script", {"narration": "x" * 20_000}, seconds=0.1))
    after = live.state().seconds_left
    assert before is not None and before < 30
    assert after == pytest.approx(2 * S_PER_SECOND * 1000 + 2, abs=2)
    live.see(running("job", 3, "speech"))
    live.see(completed("job", 4, "speech", audio(10.0), seconds=5.0))  # spoken faster than expected
    assert live.state().seconds_left == pytest.approx(7, abs=1)


def make_nodes(graph: Graph) -> list[Any]:
    return [{"id": node.id, "service": node.service, "plane": node.plane} for node in graph.nodes]


def test_lengths_that_are_close_together_give_a_proportional_time() -> None:
    runs = [PastRun(str(length_s), 3.0 * length_s, length_s) for length_s in (4.0, 5.0, 6.0)]
    pace = Pace.of(runs, grows=True)
    assert pace is not None and pace.seconds(600) == pytest.approx(1800)
    fixed = Pace.of(runs, grows=False)
    assert fixed is not None and fixed.seconds(600) == pytest.approx(15)


def test_one_slow_run_does_not_move_the_line() -> None:
    runs = [PastRun(str(length_s), 1.0 + 2.0 * length_s, length_s) for length_s in (2.0, 4.0, 8.0, 16.0, 32.0)]
    runs.append(PastRun("slow", 500.0, 3.0))
    pace = Pace.of(runs, grows=True)
    assert pace is not None and pace.seconds(100) == pytest.approx(201, rel=0.05)
