"""A comparison in a notebook: the frame-locked player live, stills and tables in the saved notebook."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.app.pages.place import Place
from tests.app.pages.test_compare_page import READ, film
from tests.notebook.widgets.lab import Notebook

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_videos_are_compared_in_a_player_and_saved_as_stills_and_tables(place: Place, notebook: Notebook) -> None:
    runs = [film(place, clip=7), film(place, clip=8)]
    view = notebook.run(f"shown = wb.compare(*{runs!r})\nshown")
    expect(view.locator(".wb-player")).to_have_attribute("data-index", "0")
    expect(view.locator(".wb-player-label").first).to_contain_text("clip 7")
    view.locator(".wb-player").press("ArrowRight")
    expect(view.locator(".wb-player")).to_have_attribute("data-index", "1")
    assert notebook.page.evaluate(READ) == [[1, 7], [1, 8]]
    expect(view.locator("table").first).to_contain_text("film.clip")
    saved = str(notebook.save()["cells"][-1]["outputs"])
    assert "film.clip" in saved and saved.count("data:image/jpeg;base64,") >= 2
    assert notebook.python("print(shown.differences[0]['clip 8'], repr(shown))") == "8 <VideoCompare clip 7 | clip 8>"
