"""Zips of portraits and LoRA files: what is kept of them, what is refused, by HTTP and by path."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from schemas.errors import WorkbenchError
from tests.app.uploads.conftest import Post
from tests.app.uploads.media import archive, picture, wav
from tests.engine.probe_nodes import safetensors
from tests.portrait_sets import encoded, views, zipped
from workbench.client.deployment import Deployment
from workbench.client.uploads import earlier_files, store_file

pytestmark = pytest.mark.stack
PAIR = {"unet.to_q.lora_A.weight": ([2, 8], bytes(64)), "unet.to_q.lora_B.weight": ([8, 2], bytes(64))}
REFUSED, UNREADABLE, TOO_LARGE = "upload.refused", "upload.unreadable", "upload.too_large"


def stored(deployment: Deployment, folder: Path, content: bytes, kind: str) -> zipfile.ZipFile:
    (folder / "given").write_bytes(content)
    return zipfile.ZipFile(deployment.open(store_file(deployment, folder / "given", kind)[0]))


def located() -> bytes:
    """A JPEG whose EXIF data say where it was taken, and that it is upside-down."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 3, "at home"
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture(size=(80, 60)))) as image:
        image.convert("RGB").save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_zip_of_portraits_is_kept_as_decoded_images_and_captions(
    post: Post, deployment: Deployment, tmp_path: Path
) -> None:
    seen = views(tmp_path)
    files = {f"set/{name}": seen[name] for name in ("front", "left", "tall")}
    more = {
        "set/copy": seen["front"].resize((300, 300)),
        "set/front.TXT": "\ufeffa photo\r\nof Ada\x00".encode(),
        "set/wall.jpg": located(),
        "__MACOSX/set/._front.png": b"x",
        "set/.DS_Store": b"x",
    }
    path = zipped(tmp_path / "ada.zip", files | more)
    answer = post(path.read_bytes(), kind="auto", name="My portraits.zip")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["kind"], body["ref"]["kind"], body["ref"]["mediaType"]) == ("portraits", "file", "application/zip")
    assert body["ref"]["name"] == "My portraits.zip"
    images = {one["given"]: one for one in body["facts"]["images"]}
    assert {name: one["faces"] for name, one in images.items()} == {
        "copy.png": 1, "front.png": 1, "left.png": 1, "tall.png": 1, "wall.jpg": 0,
    }  # fmt: skip
    assert [name for name, one in images.items() if one["caption"]] == ["front.png"]
    found = {one["code"]: one for one in body["warnings"]}
    assert found.keys() == {"portraits.few", "portraits.no_face", "portraits.duplicate"}
    assert "wall.jpg" in found["portraits.no_face"]["message"]
    assert "front.png like copy.png" in found["portraits.duplicate"]["message"]
    ref, warnings = store_file(deployment, path, "portraits")
    assert ref.sha256 == body["ref"]["sha256"] and [one.code for one in warnings] == list(found)
    with zipfile.ZipFile(deployment.open(ref)) as kept:
        assert kept.namelist() == ["0001.png", "0002.png", "0002.txt", "0003.png", "0004.png", "0005.jpg"]
        assert kept.read("0002.txt") == b"a photo of Ada"
        assert Image.open(kept.open("0002.png")).tobytes() == seen["front"].tobytes()
        assert b"at home" not in kept.read("0005.jpg") and not Image.open(kept.open("0005.jpg")).getexif()


def test_two_different_orders_of_one_zip_are_the_same_bytes(deployment: Deployment, tmp_path: Path) -> None:
    one, two = picture(size=(64, 48)), picture(size=(50, 70))
    for content in (archive(**{"a.png": one, "b.png": two}), archive(**{"x/b.png": two, "x/a.png": one})):
        kept = stored(deployment, tmp_path, content, "portraits")
        assert [Image.open(kept.open(name)).size for name in kept.namelist()] == [(64, 48), (50, 70)]


def bomb(claims: int = 0) -> bytes:
    """A zip with a file of 100 MB, whose size the directory may claim to be another."""
    content, out = picture(size=(64, 48)) + bytes(100_000_000), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("a.png", content)
    size, packed = len(content).to_bytes(4, "little"), out.getvalue()
    assert packed.count(size) == 2
    return packed.replace(size, claims.to_bytes(4, "little")) if claims else packed


def with_entry(name: str = "a.png", attributes: int = 0, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    entry = zipfile.ZipInfo(name)
    entry.external_attr, entry.compress_type = attributes << 16, method
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(entry, picture(size=(64, 48)))
    return out.getvalue()


def encrypted() -> bytes:
    content = bytearray(archive(**{"a.png": picture(size=(64, 48))}))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


GOOD = {"good.png": picture(size=(64, 48))}
# name -> (file, kind, code, words)
HOSTILE: dict[str, tuple[Callable[[], bytes], str, str, str]] = {
    "no images": (archive, "portraits", REFUSED, "a ZIP archive without images"),
    "a program alone": (lambda: archive(**{"a.png": b"\x7fELF"}), "portraits", REFUSED, "a ZIP archive without images"),
    "a way out": (lambda: with_entry("../../a.png"), "portraits", REFUSED, "leads out of it"),
    "a way out by backslashes": (lambda: with_entry("..\\a.png"), "portraits", REFUSED, "leads out of it"),
    "an absolute name": (lambda: with_entry("/etc/a.png"), "portraits", REFUSED, "leads out of it"),
    "a drive": (lambda: with_entry("C:a.png"), "portraits", REFUSED, "leads out of it"),
    "a link": (lambda: with_entry(attributes=0o120777), "portraits", REFUSED, "symbolic link"),
    "a password": (encrypted, "portraits", REFUSED, "encrypted"),
    "a rare compression": (lambda: with_entry(method=zipfile.ZIP_LZMA), "portraits", REFUSED, "compression"),
    "a bomb": (bomb, "portraits", TOO_LARGE, "too large unpacked: a.png"),
    "a bomb that lies": (lambda: bomb(claims=1000), "portraits", UNREADABLE, "the zip is damaged"),
    "a program": (lambda: archive(**GOOD, **{"a.png": b"\x7fELF"}), "portraits", REFUSED, "a.png: a program"),
    "a recording": (lambda: archive(**GOOD, **{"a.png": wav(1.0)}), "portraits", REFUSED, "of the type wav"),
    "a zip in it": (lambda: archive(**GOOD, **{"a.zip": archive()}), "portraits", REFUSED, "of the type zip"),
    "half an image": (lambda: archive(**{"a.png": picture(size=(200, 200))[:300]}), "portraits", UNREADABLE, "a.png"),
    "a caption that is no text": (
        lambda: archive(**{"a.png": picture(), "a.txt": b"\xff\xfe\x00"}), "portraits", REFUSED, "not UTF-8",
    ),
    "half a zip": (lambda: archive(**{"a.png": picture()})[:-30], "portraits", UNREADABLE, "the zip is damaged"),
    "too many images": (
        lambda: archive(**GOOD, **{f"{i}.png": b"" for i in range(500)}), "portraits", TOO_LARGE, "too many images",
    ),
    "an image": (picture, "portraits", REFUSED, "an image"),
    "a LoRA as portraits": (lambda: safetensors(PAIR), "portraits", REFUSED, "a safetensors file"),
    "portraits as a LoRA": (lambda: archive(**{"a.png": picture()}), "lora", REFUSED, "a ZIP archive"),
    "a whole model": (lambda: safetensors({"unet.conv": ([2, 8], bytes(64))}), "lora", REFUSED, "the tensors of"),
    "one matrix": (lambda: safetensors(dict([*PAIR.items()][:1])), "lora", REFUSED, "the tensors of a LoRA"),
    "another rank": (
        lambda: safetensors(PAIR | {"unet.to_q.lora_B.weight": ([4, 4], bytes(64))}), "lora", REFUSED, "the tensors of",
    ),
    "half a LoRA": (lambda: safetensors(PAIR)[:-9], "lora", UNREADABLE, "truncated"),
    "a LoRA with a tail": (lambda: safetensors(PAIR) + b"MZ", "lora", UNREADABLE, "follows its tensors"),
    "a shape that does not fit": (
        lambda: safetensors(PAIR | {"a": ([9], bytes(8))}), "lora", UNREADABLE, "the header of the file is damaged",
    ),
    "a header without end": (lambda: (9 << 22).to_bytes(8, "little") + b"{" + bytes(99), "lora", TOO_LARGE, "too long"),
    "metadata without end": (lambda: safetensors(PAIR, note="x" * 3_000_000), "lora", TOO_LARGE, "metadata"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_everything_else_is_refused_with_what_was_seen(
    post: Post, deployment: Deployment, tmp_path: Path, name: str
) -> None:
    make, kind, code, words = HOSTILE[name]
    content = make()
    answer = post(content, kind=kind).json()
    assert (answer["code"], words in answer["error"]) == (code, True), answer
    (tmp_path / "given").write_bytes(content)
    with pytest.raises(WorkbenchError) as refusal:
        store_file(deployment, tmp_path / "given", kind)
    assert (refusal.value.code, refusal.value.message) == (answer["code"], answer["error"])
    assert refusal.value.remedy == answer["details"]["remedy"]


def test_a_lora_keeps_its_tensors_and_loses_what_no_program_needs(
    post: Post, deployment: Deployment, tmp_path: Path
) -> None:
    own = json.dumps({"trigger": "sks", "base_model": "sd-1.5", "licence": "OpenRAIL"})
    content = safetensors(PAIR, **{"workbench.lora": own, "ss_training_folder": "/home/ada/secret"})
    answer = post(content, kind="auto", name="../ada.pt")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["kind"], body["ref"]["name"]) == ("lora", "ada.safetensors")
    assert body["facts"]["lora"] == {
        "tensors": 2, "rank": 2, "trigger": "sks", "baseModel": "sd-1.5", "licence": "OpenRAIL",
    }  # fmt: skip
    (tmp_path / "a").write_bytes(content)
    ref, _ = store_file(deployment, tmp_path / "a", "lora")
    kept = deployment.open(ref).read_bytes()
    assert ref.sha256 == body["ref"]["sha256"] and ref.media_type == "application/x-safetensors"
    assert b"/home/ada" not in kept and b"OpenRAIL" in kept and kept.endswith(bytes(128))
    (tmp_path / "b").write_bytes(kept)
    assert store_file(deployment, tmp_path / "b", "lora")[0].sha256 == ref.sha256, "what we wrote stays as it is"


def test_earlier_files_tell_zips_and_loras_apart(post: Post, deployment: Deployment, tmp_path: Path) -> None:
    images = {"a.png": encoded(Image.new("RGB", (77, 66), "teal"))}
    zip_ = post(archive(**images), kind="portraits").json()["ref"]["sha256"]
    lora = post(safetensors({name: (shape, b"\x01" * 64) for name, (shape, _) in PAIR.items()}), kind="lora").json()
    kinds = {one.ref.sha256: one.kind for one in earlier_files(deployment, "ann", limit=100)}
    assert (kinds[zip_], kinds[lora["ref"]["sha256"]]) == ("portraits", "lora")
    assert zip_ in [one.ref.sha256 for one in earlier_files(deployment, "ann", "portraits")]
    assert lora["ref"]["sha256"] not in [one.ref.sha256 for one in earlier_files(deployment, "ann", "portraits")]
