"""The page plays a video while it is made, and the finished one continues it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.cli.graphs import document

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PARTS, PART_S = 3, 2.0  # as in film.py, which only the stack imports, so that it is a service only there
FILE = {
    "id": "file",
    "service": "generate.remux",
    "input": {"video": "$film.video", "audio": "$film.audio"},
}
PLAYER = ".wb-stage video"
REFUSE_SOUND = """() => {
  const { play } = HTMLMediaElement.prototype;
  let touched = false;
  window.addEventListener("pointerdown", () => (touched = true), true);
  HTMLMediaElement.prototype.play = function () {
    if (this.muted || touched) return play.call(this);
    return Promise.reject(new DOMException("no", "NotAllowedError"));
  };
}"""
AT_END = """(player) => {
  const video = document.querySelector(player);
  return video.duration - video.currentTime < 0.1;
}"""
STATE = """(video) => ({
  at: video.currentTime, muted: video.muted, paused: video.paused, parts: video.src.startsWith("blob:"),
  ranges: [...Array(video.buffered.length).keys()].map((one) => [video.buffered.start(one), video.buffered.end(one)]),
})"""


def state(page: Page) -> dict[str, Any]:
    return dict(page.locator(PLAYER).evaluate(STATE))


def has_played(page: Page, second: float) -> None:
    page.wait_for_function(
        "([player, second]) => document.querySelector(player).currentTime > second", arg=[PLAYER, second]
    )


def test_parts_play_with_sound_and_the_whole_video_continues_them(
    place: Place, visiting: Visiting, tmp_path: Path
) -> None:
    gates = [tmp_path / f"gate-{number}" for number in range(PARTS)]
    film = {"id": "film", "service": "test.film", "params": {"gates": str(tmp_path / "gate-")}}
    last = {"id": "last", "service": "test.gate", "params": {"file": str(tmp_path / "last")}}
    graph = document(film, FILE, last, edges=(("film", "file"), ("file", "last")))
    page = visiting(f"/?job={place.order(graph=graph)}").page
    expect(page.locator('.wb-line[data-status="running"]')).to_have_count(1)
    page.evaluate(REFUSE_SOUND)
    gates[0].touch()

    expect(page.get_by_role("button", name="Sound on")).to_be_visible()
    expect(page.locator(PLAYER)).to_have_js_property("muted", True)
    expect(page.locator(PLAYER)).to_have_js_property("paused", False)
    page.get_by_role("button", name="Sound on").click()
    expect(page.locator(PLAYER)).to_have_js_property("muted", False)
    expect(page.get_by_role("button", name="Sound on")).to_have_count(0)
    expect(page.locator(".wb-monitor-title")).to_contain_text("first frame after")
    following = page.locator(".wb-line", has_text="file")
    expect(following).to_have_attribute("data-status", "running")  # not waiting, although its next part is not there
    expect(following.locator(".wb-line-words")).to_have_text("1 part so far")

    gates[1].touch()
    has_played(page, PART_S)  # it plays on behind the end of the first part
    shown = state(page)
    assert [(start, round(end, 1)) for start, end in shown["ranges"]] == [(0, 2 * PART_S)], "there is a gap"
    assert not shown["paused"]

    height = page.locator(".wb-stage").evaluate("(stage) => stage.offsetHeight")
    page.evaluate(
        """(player) => {
          globalThis.heard = [];
          const note = () => {
            const video = document.querySelector(player);
            globalThis.heard.push(video.currentTime);
            requestAnimationFrame(note);
          };
          note();
        }""",
        PLAYER,
    )
    gates[2].touch()
    has_played(page, (PARTS - 1) * PART_S)  # the last part, which came with the end of its node
    assert state(page)["parts"], "the job has not ended"
    (tmp_path / "last").touch()
    expect(page.locator(PLAYER)).to_have_attribute("src", re.compile("^/api/artifacts/"))
    page.wait_for_function(AT_END, arg=PLAYER)  # and stays there, also if the parts had ended
    now, heard = state(page), page.evaluate("globalThis.heard")
    assert not now["muted"]
    assert all(after >= before - 0.05 for before, after in pairwise(heard)), "it jumped back"
    assert page.locator(".wb-stage").evaluate("(stage) => stage.offsetHeight") == height
    expect(page.locator(".wb-monitor-title")).to_contain_text("first frame after")
