"""Media in a notebook whose browser cannot reach the app: they come through the kernel as byte ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.app.pages.place import Place
from tests.cli.graphs import document
from tests.notebook.widgets.lab import Lab, Notebook
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PAPER = "media.ipynb"
CONNECT = "from workbench import connect\nwb = connect(start=False)"
VIDEO = """
import av, numpy, pathlib, tempfile
place = pathlib.Path(tempfile.mkdtemp()) / "minute.mp4"
noise = numpy.random.default_rng(1)
with av.open(str(place), "w") as film:
    stream = film.add_stream("h264", rate=10)
    stream.width = stream.height = 320
    stream.pix_fmt, stream.options = "yuv420p", {"g": "20", "preset": "ultrafast", "qp": "20"}
    for number in range(600):
        picture = noise.integers(0, 255, (320, 320, 3), numpy.uint8)
        picture[:, :, 0] = number * 255 // 600  # how red it is says which one it is
        film.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
    film.mux(stream.encode(None))
video = wb.artifact(wb.upload(place, "video"))
"""
COUNT = """
from workbench.notebook.channel import Channel
sent = []
answer = Channel._range
Channel._range = lambda self, message: sent.append(len(found := answer(self, message))) or found
"""
SEEK = """
async (video, second) => {
    video.currentTime = second;
    await new Promise((done) => video.requestVideoFrameCallback(done));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 16;
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 16, 16);
    const { data } = context.getImageData(0, 0, 16, 16);
    let red = 0, green = 0;
    for (let at = 0; at < data.length; at += 4) { red += data[at]; green += data[at + 1]; }
    return [video.currentTime, red / green];
}
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A notebook whose browser can reach neither the app nor the object store."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(40_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def paper(page: Page, lab: Lab) -> Notebook:
    lab.write(PAPER, "pass")
    notebook = Notebook(page, lab, PAPER).open()
    page.route(lambda url: url.startswith("http") and not url.startswith(lab.url), lambda route: route.abort())
    assert notebook.python(f"{CONNECT}\n{VIDEO}\n{COUNT}") == ""
    return notebook


def shown(paper: Notebook, what: str, tag: str) -> Locator:
    player = paper.run(what).locator(f".wb-notebook {tag}")
    expect(player).to_have_attribute("src", re.compile("^blob:"))
    return player


def test_a_video_plays_and_seeks_without_the_whole_file(paper: Notebook) -> None:
    player = shown(paper, "video", "video")
    assert paper.python("print(sum(sent))") == "0"  # nothing is sent before playback
    assert (
        player.evaluate(
            "async video => { video.muted = true; await video.play(); video.pause(); return video.duration }"
        )
        > 59
    )
    second, early = player.evaluate(SEEK, 5)
    later, late = player.evaluate(SEEK, 55)
    assert (second, later) == (5, 55)
    assert early < 0.5 < 1.2 < late, "the frames that were asked for"
    total, size = map(int, paper.python("print(sum(sent), video.ref.size_bytes)").split())
    assert 0 < total < size * 0.7, f"{total:,} of {size:,} bytes"
    largest = int(paper.python("print(max(sent))"))
    assert largest <= 1 << 20
    back, red = player.evaluate(SEEK, 20)
    assert back == 20 and early < red < late


def test_audio_images_and_downloads_come_in_ranges_too(paper: Notebook) -> None:
    paper.python(
        "graph = wb.graph('spoken')\n"
        "graph.generate.hibari_tts(narration='Good morning.')\n"
        "spoken = wb.run(graph).audio\nportrait = wb.artifact(wb.upload('sample', 'image'))"
    )
    player = shown(paper, "spoken", "audio")
    assert player.evaluate("async sound => { sound.muted = true; await sound.play(); return sound.duration }") > 0.5
    image = shown(paper, "portrait", "img")
    expect(image).to_have_js_property("naturalWidth", 512)
    view = paper.run("portrait")
    with paper.page.expect_download() as download:
        view.get_by_label(re.compile("^Download")).click()
    saved = wait_for(download.value.path)
    assert saved.read_bytes() == bytes.fromhex(paper.python("print(portrait.read_bytes().hex())"))


def test_finished_parts_play_while_the_rest_is_made(place: Place, paper: Notebook, tmp_path: Path) -> None:
    gates = [tmp_path / f"gate-{number}" for number in range(3)]
    film = {"id": "film", "service": "test.film", "params": {"gates": str(tmp_path / "gate-")}}
    file = {"id": "file", "service": "generate.remux", "input": {"video": "$film.video", "audio": "$film.audio"}}
    job = place.order(graph=document(film, file, edges=(("film", "file"),)))
    gates[0].touch()
    player = paper.run(f"wb.job({job!r})").locator(".wb-notebook .wb-stage video")
    expect(player).to_have_js_property("paused", False)
    gates[1].touch()
    assert wait_for(lambda: player.evaluate("video => video.currentTime") > 2, 60)  # behind the end of the first part
    assert player.evaluate("video => video.buffered.length") == 1
    gates[2].touch()
    expect(player).to_have_attribute("preload", "auto")  # the whole video, which also comes through the kernel
    assert player.evaluate("video => video.currentTime") > 2
