"""What is measured of portraits, what a service says about them, and that animals are not people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from nodes._face import check_portrait, measured_faces, measured_file, quarter_turns, suitability
from nodes.generate import infinitetalk, portrait_animation
from nodes.sdk import NodeError, PortraitNeeds
from schemas.warning import JobWarning
from tests.engine.graphs import checked, document
from tests.nodes import portraits
from tests.nodes.portraits import Rgb, packaged
from workbench.engine.validate import run_checks

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rgb]:
    return portraits.people(tmp_path_factory.mktemp("people"))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Rgb], Path]:
    def save(rgb: Rgb) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        Image.fromarray(rgb).save(path)
        return path

    return save


def animate(path: Path, face: int = 0) -> list[str]:
    return check_portrait(path, portrait_animation.NEEDS, face)


def test_a_good_portrait_is_taken_without_a_word(people: dict[str, Rgb], saved: Callable[[Rgb], Path]) -> None:
    for rgb in people.values():
        (face,) = measured_faces(rgb)
        assert max(abs(face.yaw), abs(face.roll)) < 6 and abs(face.pitch) < 12
        assert face.presence > suitability.UNCOVERED and not face.mouth_covered and face.cut == 0
        for like in (rgb, portraits.grey(rgb), portraits.sepia(rgb)):
            assert animate(saved(like)) == []


@pytest.mark.parametrize(
    "name",
    [
        *(f"skimage/data/{name}" for name in ("coffee.png", "chelsea.png", "rocket.jpg", "horse.png", "coins.png")),
        *(f"gradio/media_assets/images/{name}" for name in ("lion.jpg", "cheetah.jpg", "cheetah1.jpg", "tower.jpg")),
        *(f"sklearn/datasets/images/{name}" for name in ("flower.jpg", "china.jpg")),
    ],
)
def test_animals_and_things_are_refused(name: str) -> None:
    package, _, path = name.partition("/")
    with pytest.raises(NodeError, match="no face of a person") as refused:
        animate(packaged(path, package, ""))
    assert refused.value.remedy
    assert check_portrait(packaged(path, package, ""), infinitetalk.NEEDS) == [
        "No face of a person was found in the image. The model animates what it takes for a face, or only the scene."
    ]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (portraits.masked, "cover the mouth"),
        (portraits.behind_a_hand, "cover the mouth"),
        (portraits.behind_a_microphone, "cover the mouth"),
        (portraits.blurred, "blurred"),
        (portraits.dark, "very dark"),
        (portraits.bright, "overexposed"),
    ],
)
def test_what_a_person_should_expect_is_said(
    people: dict[str, Rgb], saved: Callable[[Rgb], Path], spoil: Callable[[Rgb], Rgb], words: str
) -> None:
    for rgb in people.values():
        (warning,) = animate(saved(spoil(rgb)))
        assert words in warning


def test_a_profile_and_a_small_face_are_told(saved: Callable[[Rgb], Path], people: dict[str, Rgb]) -> None:
    cameraman = packaged("camera.png")
    assert any("to the side" in warning for warning in animate(cameraman))
    with pytest.raises(NodeError, match="almost a profile") as refused:
        check_portrait(cameraman, PortraitNeeds(most_yaw=40))
    assert refused.value.allowed == "up to 40°"
    assert "px large" in animate(saved(_scaled(people["collins"], 0.4)))[0]
    with pytest.raises(NodeError, match="at least 48 px"):
        animate(saved(_scaled(people["collins"], 0.2)))


def test_a_face_cut_by_the_edge_is_told(people: dict[str, Rgb], saved: Callable[[Rgb], Path]) -> None:
    assert any("cut off at the edge" in one for one in animate(saved(people["collins"][:, 200:].copy())))


def test_photos_that_are_not_upright_are_recognised(people: dict[str, Rgb]) -> None:
    for rgb in people.values():
        for turns in range(4):
            turned = np.ascontiguousarray(np.rot90(rgb, -turns))
            assert quarter_turns(turned, measured_faces(turned)) == turns
    thing = np.asarray(Image.open(packaged("coffee.png")))
    assert quarter_turns(thing, measured_faces(thing)) == 0


def test_one_of_several_faces_is_chosen(people: dict[str, Rgb], saved: Callable[[Rgb], Path]) -> None:
    both = np.full((600, 1100, 3), 120, np.uint8)
    both[100:400, 50:350] = _scaled(people["collins"], 300 / 512)
    both[0:600, 500:1012] = people["hopper"]
    path = saved(both)
    assert len(measured_file(path)) == 2
    assert animate(path)[0].startswith("The portrait shows 2 faces; number 2 from the left, the largest, is used.")
    assert animate(path, face=1)[0].startswith("The portrait shows 2 faces; number 1 from the left is used.")
    with pytest.raises(NodeError, match="no face 3") as refused:
        animate(path, face=3)
    assert "1 to 2" in str(refused.value.allowed)


def test_a_submit_checks_the_portraits_that_services_declare(
    people: dict[str, Rgb], saved: Callable[[Rgb], Path]
) -> None:
    """A cat is refused with the node. A small face is told, unless a node that may enlarge it comes first."""

    def submitted(path: Path, *, enlarged: bool = False) -> list[JobWarning]:
        image, audio = {"kind": "image", "sha256": "a" * 64}, {"kind": "audio", "sha256": "b" * 64}
        nodes: dict[str, Any] = {"animate": {"service": "generate.portrait_animation", "input": {"image": image}}}
        nodes["animate"]["input"]["audio"] = audio
        if enlarged:
            nodes["larger"] = {"service": "generate.upscale_image", "input": {"image": image}}
            nodes["animate"]["input"]["image"] = "$larger.image"
        edges = [("larger", "animate")] if enlarged else []
        return run_checks(checked(document(nodes, edges)), lambda ref: path)

    with pytest.raises(NodeError, match="no face of a person") as refused:
        submitted(packaged("chelsea.png"))
    assert refused.value.where == "node animate: image"
    small = saved(_scaled(people["collins"], 0.4))
    (told,) = submitted(small)
    assert told.where == "node animate" and "px large" in told.message
    assert submitted(small, enlarged=True) == []


def test_a_content_is_measured_once(
    people: dict[str, Rgb], saved: Callable[[Rgb], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measured_file(saved(people["hopper"]))
    monkeypatch.setattr(suitability, "measured_faces", lambda rgb: pytest.fail("measured again"))
    assert measured_file(saved(people["hopper"])) is first, "another file with the same content"


def _scaled(rgb: Rgb, scale: float) -> Rgb:
    return cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
