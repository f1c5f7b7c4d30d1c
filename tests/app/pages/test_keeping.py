"""What a person is typing outlives what happens around it: a failed question, presets of others, new schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.app.pages.test_form import open_parameters
from workbench.client.review import approve

pytestmark = [pytest.mark.stack, pytest.mark.slow]

CARET = "field => [field.selectionStart, document.activeElement === field]"
HALF = '{"a": 1,\n   "b": '


def type_into(field: Locator, text: str, caret: int) -> None:
    """Leaves the focus in the field, and the caret there."""
    field.fill(text)
    field.evaluate("(field, at) => { field.focus(); field.setSelectionRange(at, at); }", caret)


def expect_untouched(field: Locator, text: str, caret: int) -> None:
    expect(field).to_have_value(text)
    assert field.evaluate(CARET) == [caret, True]


def test_passing_problem_leaves_the_approval_form_alone(place: Place, visiting: Visiting) -> None:
    graph = {
        "schema": "langgraph.v1",
        "nodes": [
            {"id": "script", "service": "llm.generate_script", "params": {"script": "Clocks tick."}},
            {"id": "review", "service": "review.script"},
        ],
        "edges": [{"from": "script", "to": "review"}],
    }
    job = place.order(graph=graph)
    page = visiting("/runs").page
    say: list[Callable[[str], None]] = []

    def between(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        say.append(socket.send)

    page.route_web_socket("**/ws", between)
    page.goto(f"/?job={job}")
    text = page.get_by_role("textbox", name="The script")
    expect(text).to_have_value("Clocks tick.", timeout=90_000)
    type_into(text, "Clocks tick, and", 6)
    failed = {
        "action": "response",
        "message": "failed",
        "jobId": job,
        "code": "sql.unreachable",
        "error": "SQL is away",
    }
    say[-1](json.dumps(failed))
    expect(page.locator("#monitor .wb-problem")).to_contain_text("SQL is away")
    expect_untouched(text, "Clocks tick, and", 6)
    expect(page.locator("#monitor .wb-problem")).to_have_count(0)  # the page asked again by itself
    expect_untouched(text, "Clocks tick, and", 6)
    approve(place.deployment, job, "review", text="Another one.", author="somebody")
    expect(page.locator("#monitor")).to_contain_text("Your unsent text:")
    expect(page.locator("#monitor .wb-text").first).to_have_text("Clocks tick, and")


@pytest.fixture
def described(place: Place, visiting: Visiting) -> tuple[Page, Callable[[str], None]]:
    """The form with a parameter that takes JSON (no shipped node has one), and what changes its schema."""
    page, said = visiting("/runs").page, ["before"]

    def answer(route: Route) -> None:
        found: dict[str, Any] = route.fetch().json()
        node = next(
            n for p in found["pipelines"] if p["name"] == "talking_head" for n in p["nodes"] if n["id"] == "animate"
        )
        node["params"]["properties"]["extra"] = {"type": "object", "description": said[0], "advanced": True}
        route.fulfill(json=found)

    page.route("**/api/pipelines", answer)
    page.goto("/")
    open_parameters(page)
    page.locator('[data-node="animate"] .wb-advanced summary').click()
    return page, lambda words: said.__setitem__(0, words)


def test_redraw_of_the_parameters_keeps_what_is_typed(described: tuple[Page, Callable[[str], None]]) -> None:
    page, change = described
    extra, sway = page.locator("#wb-animate-extra"), page.locator("#wb-animate-sway")
    sway.fill("")
    type_into(extra, HALF, 4)
    change("after")  # as after an update of the server
    expect(page.locator("#wb-animate-extra-help")).to_have_text("after")
    expect_untouched(extra, HALF, 4)
    expect(sway).to_have_value("")
    expect(page.locator('[data-node="animate"] .wb-advanced')).to_have_attribute("open", "")
    extra.press_sequentially(" ")
    expect(extra).to_have_value(HALF[:4] + " " + HALF[4:])


def test_preset_of_another_page_keeps_what_is_typed(
    place: Place, described: tuple[Page, Callable[[str], None]]
) -> None:
    page, _ = described
    extra, name = page.locator("#wb-animate-extra"), page.get_by_role("textbox", name="Name of the preset")
    extra.fill(HALF)
    page.get_by_role("button", name="Save as preset").click()
    type_into(name, "half a na", 4)
    place.put("/api/presets/talking_head/elsewhere", {"params": {"animate": {"sway": 0.5}}})
    expect(page.get_by_role("combobox", name="Preset").locator("option", has_text="elsewhere")).to_have_count(1)
    expect_untouched(name, "half a na", 4)
    expect(extra).to_have_value(HALF)
    expect(page.locator('[data-node="animate"] .wb-advanced')).to_have_attribute("open", "")
