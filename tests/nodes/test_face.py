"""Face detection, the face mesh, and the decoding of portraits."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from nodes._face import detect, landmarks, measured_file, mesh, read_image
from nodes._samples import sample_portrait
from nodes.sdk import NodeError

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_portrait(tmp_path_factory.mktemp("portrait"))


@pytest.fixture(scope="module")
def portrait(portrait_file: Path) -> np.ndarray[Any, Any]:
    return read_image(portrait_file)


def test_the_sample_portrait_has_equal_bytes_each_time(portrait_file: Path, tmp_path: Path) -> None:
    assert sample_portrait(tmp_path).read_bytes() == portrait_file.read_bytes()


def test_one_face_is_found_where_it_is(portrait: np.ndarray[Any, Any]) -> None:
    (face,) = detect(portrait)
    assert face.score > 0.8
    left, top, right, bottom = face.box
    assert left == pytest.approx(150, abs=15) and right == pytest.approx(363, abs=15)
    assert top == pytest.approx(141, abs=15) and bottom == pytest.approx(354, abs=15)
    assert face.keypoints[0, 0] < face.keypoints[1, 0]  # picture left, picture right


@pytest.mark.parametrize(("scale", "x", "y"), [(0.25, 60, 40), (0.5, 700, 300), (1.0, 300, 50)])
def test_a_face_is_found_at_any_place_and_size(portrait: np.ndarray[Any, Any], scale: float, x: int, y: int) -> None:
    canvas = np.full((720, 1280, 3), 120, np.uint8)
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas[y : y + small.shape[0], x : x + small.shape[1]] = small[: 720 - y]
    face = detect(canvas)[0]
    middle = ((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)
    assert middle == pytest.approx((x + 257 * scale, y + 247 * scale), abs=20 * scale + 4)
    assert face.size == pytest.approx(213 * scale, rel=0.25)


def test_a_small_face_in_a_large_image_is_found(portrait: np.ndarray[Any, Any]) -> None:
    canvas = np.full((3000, 4000, 3), 90, np.uint8)
    canvas[100:340, 600:840] = cv2.resize(portrait, (240, 240), interpolation=cv2.INTER_AREA)
    (face,) = detect(canvas)
    assert face.box[0] > 600 and face.box[2] < 840


def test_the_largest_of_several_faces_comes_first(portrait: np.ndarray[Any, Any]) -> None:
    canvas = np.full((600, 1100, 3), 120, np.uint8)
    canvas[0:512, 0:512] = portrait
    canvas[100:400, 700:1000] = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    faces = detect(canvas)
    assert len(faces) == 2
    assert faces[0].size > 1.3 * faces[1].size


def test_the_mesh_lies_on_the_features(portrait: np.ndarray[Any, Any]) -> None:
    points = mesh(portrait, detect(portrait)[0])
    assert points.shape == (landmarks.POINTS, 3) and points.dtype == np.float32
    nose, chin, brow = points[landmarks.NOSE_TIP], points[landmarks.CHIN], points[landmarks.FOREHEAD_TOP]
    assert brow[1] < nose[1] < chin[1]
    assert nose[2] < points[landmarks.CHEEK_LEFT, 2] - 50  # the nose is nearer to the camera
    for eye, x in (("eye_left", 215), ("eye_right", 302)):  # the pupils, read off the picture
        middle = points[list(landmarks.GROUPS[eye]), :2].mean(0)
        assert middle == pytest.approx((x, 205), abs=6)
    for group in landmarks.GROUPS.values():
        assert len(set(group)) == len(group)


def test_the_mesh_turns_with_the_head(portrait: np.ndarray[Any, Any]) -> None:
    upright = mesh(portrait, detect(portrait)[0])
    turn = cv2.getRotationMatrix2D((256, 256), 25, 1)
    turned = cv2.warpAffine(portrait, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    expected = upright[:, :2] @ turn[:, :2].T + turn[:, 2]
    offset = np.linalg.norm(mesh(turned, detect(turned)[0])[:, :2] - expected, axis=1)
    assert np.median(offset) < 3.0


def test_the_mesh_converges(portrait: np.ndarray[Any, Any]) -> None:
    face = detect(portrait)[0]
    shifted = type(face)(tuple(side + 12 for side in face.box), face.score, face.keypoints)  # type: ignore[arg-type]
    offset = np.linalg.norm(mesh(portrait, face)[:, :2] - mesh(portrait, shifted)[:, :2], axis=1)
    assert offset.mean() < 1.0


def test_an_image_rotated_by_its_exif_is_read_upright(portrait_file: Path, tmp_path: Path) -> None:
    with Image.open(portrait_file) as image:
        exif = image.getexif()
        exif[0x0112] = 6  # shown after a quarter turn clockwise
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    (upright,), (turned,) = measured_file(portrait_file), measured_file(tmp_path / "turned.jpg")
    assert turned.box == pytest.approx(upright.box, abs=4)


def test_transparent_pixels_become_grey(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert np.all(read_image(tmp_path / "clear.png") == 127)


def test_a_file_that_is_not_an_image_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "portrait.png"
    file.write_text("not a picture")
    with pytest.raises(NodeError, match="cannot be decoded") as refused:
        read_image(file)
    assert refused.value.remedy


def test_a_truncated_image_is_refused(portrait_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "half.png"
    file.write_bytes(portrait_file.read_bytes()[:50_000])
    with pytest.raises(NodeError, match="cannot be decoded"):
        read_image(file)


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    file = tmp_path / "huge.png"
    Image.new("1", (9000, 9000)).save(file)
    file.write_bytes(file.read_bytes()[:200])  # only the header is whole: decoding would fail with another message
    began = time.process_time()
    with pytest.raises(NodeError, match="too large") as refused:
        read_image(file)
    assert "9000 x 9000" in str(refused.value)
    assert time.process_time() - began < 5
