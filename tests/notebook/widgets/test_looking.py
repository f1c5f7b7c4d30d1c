"""Views of graphs, files and many runs in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tests.notebook.pictures import said
from tests.notebook.widgets.lab import Notebook
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_a_node_of_the_graph_shows_its_inputs_and_outputs(notebook: Notebook, gate: Path) -> None:
    view = notebook.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob.graph_view()")
    nodes = view.locator(".wb-graph-node")
    expect(nodes).to_have_count(2)
    expect(nodes.first).to_have_attribute("data-status", "running")
    nodes.last.focus()
    nodes.last.press("Enter")
    panel = view.get_by_role("region", name="Node")
    expect(panel).to_contain_text("probe.data")
    gate.touch()
    expect(nodes.last).to_have_attribute("data-status", "completed")
    done = "b probe.data completed"
    wait_for(lambda: done in said(str(notebook.save()["cells"][-1]["outputs"])))  # the static image beside it
    expect(nodes.last).to_have_attribute("aria-pressed", "true")
    expect(panel).to_contain_text("probe.data")
    expect(panel.locator(".wb-values").first).to_contain_text("ba")
    expect(panel.locator("pre.wb-text")).to_be_visible()  # the text file, which other origins cannot read
    expect(panel.get_by_role("heading", name="Parameters")).to_be_visible()


def test_audio_shows_its_waveform_and_loads_when_played(notebook: Notebook) -> None:
    notebook.run(
        "graph = wb.graph('spoken')\ngraph.generate.hibari_tts(narration='Good morning.')\nspoken = wb.run(graph)"
    )
    loaded: list[str] = []
    notebook.page.on("request", lambda request: loaded.append(request.url))
    view = notebook.run("spoken.audio")
    shape = view.locator("path.wb-wave")
    expect(shape).to_have_attribute("d", re.compile("^M0 .{2000,}Z$"))
    sound = view.locator(".wb-notebook audio")
    source = sound.get_attribute("src")
    assert source and source not in loaded
    assert sound.evaluate("async sound => { sound.muted = true; await sound.play(); return sound.duration }") > 0.5
    assert source in loaded


def test_images_texts_and_json_are_shown(notebook: Notebook) -> None:
    notebook.run("""
import json, pathlib, tempfile
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "a.json").write_text(json.dumps({"pitch": [1, 2]}))
document = wb.artifact(wb.upload(folder / "a.json", "json"))
picture = wb.artifact(wb.upload("sample", "image"))
document.named = picture.named = False
""")
    expect(notebook.run("document").locator("pre.wb-text")).to_contain_text('"pitch"')
    image = notebook.run("picture").locator(".wb-notebook img")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 512)


def test_runs_are_sorted_filtered_and_selected_into_a_data_frame(notebook: Notebook) -> None:
    notebook.run("""
for number in range(40):
    graph = wb.graph("many")
    graph.probe.data(value=f"v{number:02}", sleep_s=number / 10_000, as_="a")
    wb.run(graph, experiment="many")
list(wb.runs(experiment="many"))[0].wait()
""")
    view = notebook.run("table = wb.runs(experiment='many').table()\ntable")
    rows = view.locator(".wb-grid-row")
    expect(view.get_by_role("status").first).to_have_text("40 runs")
    assert rows.count() < 30  # the other rows are not in the document
    view.get_by_role("columnheader", name="sleep s").click()
    expect(rows.first).to_contain_text("v39")
    view.get_by_role("columnheader", name="sleep s").click()
    expect(rows.first).to_contain_text("v00")
    rows.nth(1).click()
    rows.nth(3).click(modifiers=["Shift"])
    expect(view.get_by_role("status").first).to_have_text("40 runs · 3 selected")
    view.get_by_role("searchbox").fill("v3")
    expect(view.get_by_role("status").first).to_contain_text("10 of 40 runs")
    frame = notebook.python("print(sorted(table.selected_frame()['params.a.value']), len(table.selected))")
    assert frame == "['v01', 'v02', 'v03'] 3"
    view.get_by_role("searchbox").fill("")
    pane = view.get_by_role("grid")
    pane.evaluate("pane => { pane.scrollTop = pane.scrollHeight }")
    expect(view.locator(".wb-grid-row").filter(has_text="v39")).to_be_visible()
    pane.press("End")
    pane.press("Enter")
    expect(view.get_by_role("status").first).to_have_text("40 runs · 1 selected")
    assert notebook.python("print(list(table.selected_frame()['params.a.value']))") == "['v39']"


def test_an_export_without_kernel_and_network_shows_every_view_as_an_image(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run("job = wb.run(chain()).wait()\njob")
    for cell in ("job.graph_view()", "wb.runs(limit=2)", "wb.form('talking_head')"):
        notebook.run(cell)
    view = notebook.run("job.outputs['b']['file']")
    expect(view.locator(".wb-notebook")).to_be_visible()
    expect(view.locator(".wb-notebook-picture")).to_be_hidden()  # while the view is live
    first = notebook.page.locator(".jp-Cell").count() - 5
    notebook.save()
    document = nbformat.read(notebook.lab.folder / notebook.name, as_version=4)
    document.cells = document.cells[first:]
    (tmp_path / "page.html").write_text(HTMLExporter().from_notebook_node(document)[0])

    page = notebook.page.context.browser.new_page()  # another context: its problems are not recorded here
    page.route("http*://**", lambda route: route.abort())
    page.goto(f"file://{tmp_path / 'page.html'}")
    pictures = page.locator(".wb-notebook-picture")
    expect(pictures).to_have_count(5)
    for number, text in enumerate(("chain", "probe.data", "completed", "blinks_per_minute", "")):
        expect(pictures.nth(number)).to_be_visible()
        expect(pictures.nth(number)).to_contain_text(text)
    page.context.close()
