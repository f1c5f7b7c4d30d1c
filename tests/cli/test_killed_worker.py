"""The worker is killed during the animation: the video is the same, and finished parts are not produced again."""

from __future__ import annotations

import os
import signal

import pytest

from schemas.event import Event, EventType
from tests.cli.program import Program
from tests.cli.saved import artifact_in
from tests.live import wait_for
from workbench.bus.fields import NodeField
from workbench.client.deployment import Deployment
from workbench.settings import load_settings

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]

# Long enough for several parts of 100 frames.
SCRIPT = " ".join(["Every result you see here was recorded, so that it can be compared with the next one."] * 4)
RUN = (
    "run",
    "talking_head",
    "--portrait",
    "sample",
    "--script",
    SCRIPT,
    "--without",
    "upscale",
    "--without",
    "evaluate",
    "--set",
    "animate.size=256",
)


def test_a_job_survives_a_worker_killed_during_the_animation(program: Program) -> None:
    undisturbed = program.json(*RUN, "--fresh")
    job = str(program.json(*RUN, "--fresh", "--detach")["jobId"])
    seen = Deployment(load_settings(home=program.home))
    parts = NodeField.PARTS.of("animate")
    worker = next(part["pid"] for part in program.json("status")["parts"] if part["name"] == "worker")
    wait_for(lambda: seen.bus.client.hget(seen.bus.keys.job(job), parts), what="a finished part")
    os.kill(worker, signal.SIGKILL)

    program.run("job", "watch", job, "--json")
    shown = program.json("job", "show", job)
    assert shown["status"] == "completed"
    assert artifact_in(shown["video"]) == artifact_in(undisturbed["video"])
    events: list[Event] = list(seen.events(job))
    first_parts = [event.node for event in events if event.type is EventType.NODE_FIRST_PART]
    assert sorted(first_parts) == ["animate", "remux", "speech"], "a node lost its finished parts"
    assert {node["attempt"] for node in shown["nodes"]} == {1, 2}, (
        "one or more nodes were at work, and those alone count"
    )
    lost = next(event for event in events if event.type is EventType.NODE_RETRYING)
    assert lost.data["error"]["code"] == "node.worker_lost"
