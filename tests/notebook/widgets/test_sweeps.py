"""A sweep in a notebook: its wall, the form that starts one, and the static view that is saved."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.notebook.pictures import said
from tests.notebook.widgets.lab import Notebook
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_the_form_plans_a_sweep_and_its_wall_follows(notebook: Notebook) -> None:
    view = notebook.run("""
form = wb.sweep_form("talking_head", options={"script": "Yes."}, axes=[{"seeds": 2}], name="two seeds")
form
""")
    expect(view.get_by_role("heading", name="New sweep")).to_be_visible()
    portrait = view.locator('.wb-field[data-field="portrait"]')
    portrait.get_by_role("button", name="Sample").click()
    seeds = view.get_by_role("region", name="Seeds").get_by_role("textbox")
    seeds.fill("1")
    go = view.get_by_role("button", name="Run 1 job")
    expect(go).to_be_enabled()
    go.click()
    expect(view.locator(".wb-cell")).to_have_count(1)
    assert re.fullmatch(r"sweep-[\w-]+\n?", notebook.python("print(form.sweep_id)"))
    shown = notebook.run("wb.sweep(form.sweep_id).wait()")
    expect(shown.locator('.wb-cell[data-status="completed"] img')).to_have_count(1)
    words = "two seeds completed"
    wait_for(lambda: words in said(str(notebook.save()["cells"][-1]["outputs"])))
