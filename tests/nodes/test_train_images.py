"""The images of a training: which are used, which are left out and why, and which archives are refused."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from nodes.train import _portraits
from nodes.train._archive import MAX_IMAGE_MIB, unpack
from nodes.train._buckets import bucket_sizes, crop
from nodes.train._captions import captioned
from nodes.train._portraits import Judged, judge, require_enough
from nodes.train.lora import Params, check
from schemas.errors import WorkbenchError
from tests.portrait_sets import encoded, views, zipped


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image.Image]:
    return views(tmp_path_factory.mktemp("portraits"))


def judged(tmp_path: Path, files: dict[str, Any], resolution: int = 512) -> dict[str, Judged]:
    folder = tmp_path / "images"
    folder.mkdir()
    images = unpack(zipped(tmp_path / "set.zip", files), folder)
    found = judge(images, lambda given: captioned(given, "a photo of {trigger} person", "sks"), resolution)
    return {one.name.partition(".")[0]: one for one in found}


def test_each_image_gets_a_verdict_with_its_reason(tmp_path: Path, portraits: dict[str, Image.Image]) -> None:
    front, left = portraits["front"], portraits["left"]
    together = Image.new("RGB", (800, 492))
    together.paste(left, (0, 0))
    together.paste(portraits["back"].resize((400, 439)), (400, 30))
    rows = np.linspace(0, 255, 600, dtype=np.uint8)
    found = judged(
        tmp_path,
        {
            "a-front": front,
            "b-copy.jpg": encoded(front, "JPEG", quality=40),
            "c-smaller": front.resize((300, 300)),
            "d-left": left,
            "e-landscape": Image.fromarray(np.stack([np.tile(rows, (600, 1))] * 3, -1)),
            "f-blurred": portraits["tall"].filter(ImageFilter.GaussianBlur(7)),
            "g-tiny": portraits["right"].resize((120, 120)),
            "h-two-people": together,
            "i-broken.png": b"\x89PNG\r\n\x1a\n and no more",
            "j-other.png": encoded(front, "TIFF"),
            "__MACOSX/k.png": b"",
            "a-front.txt": b"a woman in a space suit",
            "d-left.txt": b"{trigger} looks to the left",
        },
    )
    assert {name: one.verdict for name, one in found.items()} == {
        "a-front": "used",
        "b-copy": "duplicate",
        "c-smaller": "duplicate",
        "d-left": "used",
        "e-landscape": "no_face",
        "f-blurred": "blurred",
        "g-tiny": "small",
        "h-two-people": "several",
        "i-broken": "unreadable",
        "j-other": "unreadable",
    }
    assert found["b-copy"].sentence == "It shows the same as a-front.png."
    assert found["a-front"].caption == "sks, a woman in a space suit"
    assert found["d-left"].caption == "sks looks to the left"
    assert found["b-copy"].caption == "a photo of sks person"
    with pytest.raises(WorkbenchError) as raised:
        require_enough(list(found.values()))
    assert str(raised.value.seen).startswith("2 of 10 can be used. b-copy.jpg: It shows the same as a-front.png.")
    assert [one["verdict"] for one in raised.value.details["verdicts"]].count("used") == 2


def test_three_images_are_refused_at_submit_and_enough_of_them_are_not(
    tmp_path: Path, portraits: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    three = zipped(tmp_path / "three.zip", dict(list(portraits.items())[:3]))
    with pytest.raises(WorkbenchError, match="too few images") as raised:
        check(Params(), {"images": three})
    assert raised.value.where == "input.images"
    assert json.dumps(raised.value.info().details)
    assert check(Params(), {"images": zipped(tmp_path / "all.zip", portraits)}) == [
        "8 images are few: with 15 or more a LoRA learns the person, not the photos."
    ]
    with_a_bad_one = {f"{index}-{name}": image for index, (name, image) in enumerate(portraits.items())}
    with_a_bad_one["9-broken.png"] = b"\x89PNG"
    monkeypatch.setattr(_portraits, "GOOD_IMAGES", 6)
    looked_at = zipped(tmp_path / "good.zip", with_a_bad_one)
    assert check(Params(), {"images": looked_at}) == [], "after enough good ones the rest is left to the run"
    assert check(Params(), {}) == [], "nothing is known of the images of another node"


def _encrypted(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.png", b"x")
    archive.infolist()[0].flag_bits |= 1


def _link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("a.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


REFUSED: dict[str, tuple[Callable[[zipfile.ZipFile], Any], str]] = {
    "a name that leads out": (lambda zipped: zipped.writestr("a/../../b.png", b"x"), "leads out"),
    "an absolute name": (lambda zipped: zipped.writestr("/etc/b.png", b"x"), "leads out"),
    "a drive": (lambda zipped: zipped.writestr("C:\\b.png", b"x"), "leads out"),
    "a symbolic link": (_link, "symbolic link"),
    "a password": (_encrypted, "encrypted"),
    "another compression": (
        lambda zipped: zipped.writestr("a.png", b"x" * 99, zipfile.ZIP_LZMA),
        "unusual compression",
    ),
    "a bomb": (lambda zipped: zipped.writestr("a.png", bytes((MAX_IMAGE_MIB + 1) * 2**20)), "too large"),
    "too many files": (lambda zipped: [zipped.writestr(f"{i}.txt", b"") for i in range(2001)], "too many files"),
    "too many images": (lambda zipped: [zipped.writestr(f"{i}.png", b"") for i in range(501)], "too many images"),
    "no images": (lambda zipped: zipped.writestr("a.gif", b"x"), "no images"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_dangerous_archive_is_refused(tmp_path: Path, case: str) -> None:
    fill, message = REFUSED[case]
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    folder = tmp_path / "images"
    folder.mkdir()
    with pytest.raises(WorkbenchError, match=message):
        unpack(tmp_path / "set.zip", folder)
    assert not list(tmp_path.rglob("b.png"))


def test_a_damaged_archive_is_refused(tmp_path: Path, portraits: dict[str, Image.Image]) -> None:
    whole = zipped(tmp_path / "whole.zip", portraits).read_bytes()
    broken = io.BytesIO(whole)
    broken.seek(len(whole) // 2)
    broken.write(bytes(64))
    for name, content in (("cut", whole[:5000]), ("text", b"no zip"), ("flipped", broken.getvalue())):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WorkbenchError, match="cannot be read"):
            unpack(tmp_path / name, tmp_path)


def test_an_image_keeps_its_shape_and_its_face(portraits: dict[str, Image.Image]) -> None:
    sizes = bucket_sizes(512, 64)
    assert (512, 512) in sizes
    assert all(width * height <= 512 * 512 and 0.5 <= width / height <= 2 for width, height in sizes)
    red = np.zeros((300, 900, 3), np.uint8)
    red[120:180, 800:860] = (255, 0, 0)
    cut = crop(red, (800, 120, 860, 180), sizes)
    assert cut.size == (384, 640), "the widest bucket"
    assert cut.original == (300, 900)
    assert (cut.rgb[..., 0] > 200).sum() > 0.9 * (60 * 384 / 300) ** 2, "the face at the edge is inside"


def test_only_the_images_that_are_looked_at_are_unpacked(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "set.zip", {f"{index}.png": b"any" for index in range(9)})
    folder = tmp_path / "images"
    folder.mkdir()
    assert [given.name for given in unpack(archive, folder, 2)] == ["0.png", "1.png"]
    assert len(list(folder.iterdir())) == 2
