"""An idle app costs little: the loops of Gradio's queue look rarely, and schemas are computed once."""

from __future__ import annotations

import asyncio

import gradio as gr
import pytest
from gradio import queueing

from nodes import manifest
from nodes.registry import services
from workbench.app.pages.mount import EVENT_POLL_S, PROGRESS_POLL_S, poll_rarely


def test_the_loops_of_an_idle_queue_sleep_as_long_as_the_app_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    with gr.Blocks(analytics_enabled=False) as demo:
        pass
    demo.queue()
    poll_rarely(demo)
    queue, slept = demo._queue, []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        queue.stopped = True  # after one round

    monkeypatch.setattr(queueing.asyncio, "sleep", sleep)
    asyncio.run(queue.start_processing())
    queue.stopped = False
    asyncio.run(queue.start_progress_updates())
    assert slept == [EVENT_POLL_S, PROGRESS_POLL_S] and min(slept) >= 0.02


def test_the_schemas_of_services_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = manifest.manifests(services())
    for declaration in services().values():
        for model in (declaration.params, declaration.inputs, declaration.outputs):
            monkeypatch.setattr(model, "model_json_schema", lambda: pytest.fail("a schema was computed again"))
    assert manifest.manifests(services()) == before
