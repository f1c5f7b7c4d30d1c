"""generate.upscale_image, on the packaged SPAN weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nodes._samples import sample_portrait
from nodes.context import Cancelled, Context
from nodes.generate import upscale_image
from nodes.generate._span import enlarge, load_span
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.sdk import NodeError

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Image.Image:
    with Image.open(sample_portrait(tmp_path_factory.mktemp("sample"))) as image:
        return image.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def models() -> ModelCache:
    return ModelCache()


def _upscale(tmp_path: Path, models: ModelCache, file: Path, **params: Any) -> tuple[Any, Image.Image, Context]:
    ctx = local_context(tmp_path / "store", models)
    given = ctx.save(file.read_bytes(), "image")
    outputs = run_locally(upscale_image.run, ctx, params, {"image": given})
    return outputs, Image.open(ctx.open(outputs.image)), ctx


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


@pytest.mark.parametrize("scale", [2, 4])
def test_it_restores_more_than_bicubic_does(
    tmp_path: Path, models: ModelCache, portrait: Image.Image, scale: int
) -> None:
    small = portrait.resize((256 // scale, 256 // scale), Image.Resampling.BICUBIC)
    small.save(tmp_path / "small.png")
    outputs, image, _ = _upscale(tmp_path, models, tmp_path / "small.png", scale=scale)
    assert image.size == (256, 256) and (outputs.image.width, outputs.image.height) == (256, 256)
    bicubic = np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC))
    truth = np.asarray(portrait)
    assert _psnr(np.asarray(image), truth) > _psnr(bicubic, truth) + 1.5


def test_tiles_have_no_visible_seam(portrait: Image.Image) -> None:
    net, pixels = load_span(2), np.asarray(portrait)[:200, :170]
    whole, tiled = enlarge(net, pixels, 2, 1024), enlarge(net, pixels, 2, 64)
    difference = np.abs(whole.astype(int) - tiled)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_equal_inputs_give_equal_bytes_and_progress_counts_tiles(
    tmp_path: Path, models: ModelCache, portrait: Image.Image
) -> None:
    portrait.crop((60, 40, 190, 170)).save(tmp_path / "p.png")
    first, _, ctx = _upscale(tmp_path / "a", models, tmp_path / "p.png", tile=64)
    second, _, _ = _upscale(tmp_path / "b", ModelCache(), tmp_path / "p.png", tile=64)
    assert first.image.sha256 == second.image.sha256
    assert isinstance(ctx.host, FolderHost)
    assert ctx.host.progressed[-1] == (9, 9, "tiles")


def test_cancelling_stops_between_tiles(tmp_path: Path, portrait: Image.Image) -> None:
    class CancelledAfterOneTile(FolderHost):
        asked = 0

        def cancelled(self) -> bool:
            self.asked += 1
            return self.asked > 2

    host = CancelledAfterOneTile(tmp_path)
    ctx = Context(host, workdir=tmp_path, models=ModelCache())
    portrait.save(tmp_path / "p.png")
    given = ctx.save((tmp_path / "p.png").read_bytes(), "image")
    with pytest.raises(Cancelled):
        run_locally(upscale_image.run, ctx, {"tile": 64}, {"image": given})
    assert host.asked == 3


def test_greyscale_stays_grey_and_alpha_is_kept(tmp_path: Path, models: ModelCache, portrait: Image.Image) -> None:
    small = portrait.resize((48, 48))
    small.convert("L").save(tmp_path / "grey.png")
    _, grey, _ = _upscale(tmp_path, models, tmp_path / "grey.png")
    assert grey.mode == "L" and grey.size == (96, 96)

    mask = Image.new("L", small.size, 0)
    mask.paste(255, (0, 0, 24, 48))
    cut = small.copy()
    cut.putalpha(mask)
    cut.save(tmp_path / "cut.png")
    _, rgba, _ = _upscale(tmp_path, models, tmp_path / "cut.png")
    assert rgba.mode == "RGBA"
    opacity = np.asarray(rgba.getchannel("A"))
    assert opacity[:, :40].min() > 250 and opacity[:, 56:].max() < 5


def test_sixteen_bits_are_read_as_eight(tmp_path: Path, models: ModelCache, portrait: Image.Image) -> None:
    grey = np.asarray(portrait.convert("L").resize((48, 48)))
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    eight, _, _ = _upscale(tmp_path, models, tmp_path / "8.png")
    sixteen, _, _ = _upscale(tmp_path, models, tmp_path / "16.png")
    assert eight.image.sha256 == sixteen.image.sha256


def test_a_photograph_taken_sideways_comes_out_upright(
    tmp_path: Path, models: ModelCache, portrait: Image.Image
) -> None:
    small = portrait.resize((48, 64))
    small.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown by turning it 90 degrees clockwise
    small.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "sideways.png", exif=exif)
    upright, _, _ = _upscale(tmp_path, models, tmp_path / "upright.png")
    turned, image, _ = _upscale(tmp_path, models, tmp_path / "sideways.png")
    assert image.size == (96, 128)
    assert turned.image.sha256 == upright.image.sha256


def test_max_side_bounds_the_result(tmp_path: Path, models: ModelCache, portrait: Image.Image) -> None:
    portrait.crop((0, 0, 100, 60)).save(tmp_path / "p.png")
    outputs, image, _ = _upscale(tmp_path, models, tmp_path / "p.png", scale=4, max_side=150)
    assert image.size == (150, 90) and outputs.scale_reached == 1.5
    fresh = ModelCache()
    outputs, image, _ = _upscale(tmp_path, fresh, tmp_path / "p.png", scale=4, max_side=80)
    assert image.size == (80, 48) and outputs.scale_reached == 0.8
    assert fresh.loads == 0  # nothing to enlarge: the network is not even loaded


def test_a_pixel_bomb_is_refused_from_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (9_000, 8_000)).save(bomb)

    def decode(_: Image.Image) -> None:
        raise AssertionError("the picture was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(NodeError, match="too large") as caught:
        upscale_image.check(upscale_image.Params(), {"image": bomb})
    assert "9000 x 8000" in str(caught.value) and "40 megapixels" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_not_an_image_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(NodeError, match="cannot be decoded") as caught:
        upscale_image.check(upscale_image.Params(), {"image": tmp_path / "x.png"})
    assert caught.value.remedy


def test_an_image_cut_off_in_the_middle_is_refused(tmp_path: Path, models: ModelCache, portrait: Image.Image) -> None:
    portrait.save(tmp_path / "p.jpg")
    ctx = local_context(tmp_path / "store", models)
    whole = (tmp_path / "p.jpg").read_bytes()
    given = ctx.save(whole[: len(whole) // 3], "image")
    with pytest.raises(NodeError, match="cannot be decoded"):
        run_locally(upscale_image.run, ctx, {}, {"image": given})
