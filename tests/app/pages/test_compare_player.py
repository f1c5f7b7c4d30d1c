"""The player alone: every set of frames that it draws is read back from its canvases, and compared with its index."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.pages.numbered import served, write_numbered

pytestmark = pytest.mark.slow

Playing = Callable[..., Page]
FRAMES = {"ipb.mp4": 100, "open.mp4": 100, "vp9.webm": 100, "slow.mp4": 60, "short.mp4": 40}
RATES = {"slow.mp4": 15}
ALL = ("ipb.mp4", "open.mp4", "vp9.webm", "slow.mp4")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    clips = tmp_path_factory.mktemp("clips")
    open_gop = {"preset": "medium", "bf": "3", "g": "30", "x264-params": "open-gop=1"}
    vp9 = {"deadline": "realtime", "cpu-used": "8", "g": "40", "auto-alt-ref": "1", "lag-in-frames": "12"}
    write_numbered(clips / "ipb.mp4", 1, tone=True)
    write_numbered(clips / "open.mp4", 2, options=open_gop)
    write_numbered(clips / "vp9.webm", 3, codec="libvpx-vp9", options=vp9)
    write_numbered(clips / "slow.mp4", 4, frames=60, fps=15)
    write_numbered(clips / "short.mp4", 5, frames=40)
    (clips / "text.mp4").write_text("This is no video.")
    with served(clips) as url:
        yield url


@pytest.fixture
def playing(browser: Browser, address: str) -> Iterator[Playing]:
    """Opens the bare page with these clips, and waits for the first set."""
    pages: list[Page] = []
    problems: list[str] = []

    def opened(
        *clips: str, state: dict[str, Any] | None = None, size: tuple[int, int] = (1360, 900), **more: str
    ) -> Page:
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        pages.append(page)
        page.on("pageerror", lambda error: problems.append(str(error)))
        query = urlencode({"clips": ",".join(clips), "state": json.dumps(state or {}), **more})
        page.goto(f"{address}/player?{query}")
        page.wait_for_function("window.opened && window.sets.length > 0")
        return page

    yield opened
    for page in pages:
        page.close()
    assert problems == []


def clip_of(name: str) -> int:
    return list(FRAMES).index(name) + 1


def frame_of(name: str, index: int) -> int:
    """The frame of a clip that belongs to an index of a clock of 25 per second."""
    return min(FRAMES[name] - 1, index * RATES.get(name, 25) // 25)


def sets_of(page: Page) -> list[tuple[int, list[list[int]]]]:
    """All sets drawn since the last call."""
    found: list[tuple[int, list[list[int]]]] = page.evaluate("window.sets.splice(0)")
    return found


def wrong(sets: list[tuple[int, list[list[int]]]], clips: tuple[str, ...]) -> list[Any]:
    """The sets in which a canvas shows another frame, or another clip."""
    return [(index, read) for index, read in sets if read != [[frame_of(name, index), clip_of(name)] for name in clips]]


def go(page: Page, index: int) -> None:
    page.evaluate(f"made.update({{at: {index}}})")
    expect(page.locator(".wb-player")).to_have_attribute("data-index", str(index))


def play_to(page: Page, index: int) -> None:
    page.keyboard.press(" ")
    page.wait_for_function(f"Number(document.querySelector('.wb-player').dataset.index) >= {index}")


def test_every_set_is_of_one_index_while_stepping_seeking_and_playing(playing: Playing) -> None:
    page = playing(*ALL)
    for _ in range(99):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".wb-player")).to_have_attribute("data-index", "99")
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".wb-player")).to_have_attribute("data-index", "39")
    places = random.Random(3).sample(range(100), 60)
    for place in places:
        go(page, place)
    go(page, 0)
    play_to(page, 99)
    sets = sets_of(page)
    print(f"{len(sets)} sets of {len(ALL)} videos, {len(wrong(sets, ALL))} wrong")
    assert wrong(sets, ALL) == []
    assert [index for index, _ in sets][-99:] == list(range(1, 100))  # none is passed over while playing
    assert len(sets) > 160
    expect(page.locator(".wb-player-note")).to_contain_text("rates differ (15, 25 fps)")


def test_a_loop_and_other_speeds_keep_the_frames_together(playing: Playing) -> None:
    page = playing(*ALL, state={"loop": [20, 32], "at": 20, "speed": 2})
    page.keyboard.press(" ")
    page.wait_for_function("window.sets.length > 60")
    page.keyboard.press(" ")
    sets = sets_of(page)
    assert wrong(sets, ALL) == []
    assert {index for index, _ in sets} == set(range(20, 33))
    page.evaluate("made.update({loop: null, speed: 0.25})")
    begun = page.evaluate("performance.now()")
    page.keyboard.press(" ")
    page.wait_for_function("window.sets.length > 10")
    assert page.evaluate("performance.now()") - begun > 1000  # 10 frames at a quarter of 25 a second: 1.6 s
    assert wrong(sets_of(page), ALL) == []


def test_nine_videos_with_different_lengths_stay_together(playing: Playing) -> None:
    nine = ("ipb.mp4", "open.mp4", "vp9.webm", "slow.mp4", "short.mp4", "ipb.mp4", "open.mp4", "vp9.webm", "short.mp4")
    page = playing(*nine)
    play_to(page, 60)
    page.keyboard.press(" ")
    go(page, 99)
    sets = sets_of(page)
    assert wrong(sets, nine) == []
    assert len(sets) >= 60
    expect(page.locator('[data-video="4"] .wb-player-said')).to_have_text("ended")


def test_wipe_difference_and_flip_show_the_two_chosen_videos(playing: Playing) -> None:
    page = playing("ipb.mp4", "short.mp4", "open.mp4", state={"mode": "flip", "pair": [0, 2], "at": 17})
    assert page.evaluate("read()") == [[17, 1]]
    page.keyboard.press("x")
    assert page.evaluate("read()") == [[17, 2]]
    page.get_by_role("button", name="Wipe").click()
    divider = page.get_by_role("slider", name="Divider")
    box = page.locator(".wb-player-frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + box["height"] / 2)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "99")
    assert page.evaluate("read()")[0] in ([17, 1], [17, 0])  # only the last block may be of the other video
    page.evaluate("made.update({wipe: 0})")
    assert page.evaluate("read()") == [[17, 2]]
    page.evaluate("made.update({mode: 'difference', pair: [0, 2], gain: 1})")
    assert page.evaluate("read()") == [[0, 1 ^ 2]]  # equal bits are black
    page.keyboard.press("ArrowRight")
    expect(page.locator(".wb-player")).to_have_attribute("data-index", "18")
    assert page.evaluate("read()") == [[0, 1 ^ 2]]


def test_one_zoom_moves_all_videos_and_the_view_is_told(playing: Playing) -> None:
    page = playing("ipb.mp4", "open.mp4", state={"at": 9})
    page.keyboard.press("+")
    page.keyboard.press("+")
    first, second = page.evaluate(
        "[...document.querySelectorAll('canvas')].map((c) => [...c.getContext('2d').getImageData(100, 4, 1, 1).data])"
    )
    assert max(first) == 255 and first[:3] != [20, 20, 20] and first[:3] != second[:3]  # the blocks are outside
    page.wait_for_function("window.views.at(-1)?.zoom === 2.25")
    page.keyboard.press("0")
    assert page.evaluate("read()") == [[9, 1], [9, 2]]


def test_without_web_codecs_paused_videos_are_stepped_and_it_says_so(playing: Playing) -> None:
    clips = ("ipb.mp4", "short.mp4")
    page = playing(*clips, without="1")
    expect(page.locator(".wb-player-note").first).to_contain_text("no WebCodecs")
    for place in (30, 5, 6, 7, 39, 0):
        go(page, place)
    page.keyboard.press(" ")
    page.wait_for_function("window.sets.length > 12")
    sets = sets_of(page)
    print(f"fallback: {len(sets)} sets, {len(wrong(sets, clips))} wrong")
    assert wrong(sets, clips) == []


def test_a_file_that_is_no_video_holds_up_no_other(playing: Playing) -> None:
    page = playing("ipb.mp4", "missing.mp4", "open.mp4")
    go(page, 12)
    read = page.evaluate("read()")
    assert [read[0], read[2]] == [[12, 1], [12, 2]]
    expect(page.locator('.wb-player-tile[data-video="1"] .wb-player-said')).to_be_visible()
