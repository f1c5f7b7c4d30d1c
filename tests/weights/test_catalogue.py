"""The catalogue: the shipped one is complete, a user's own adds to it, and mistakes are refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes import catalogue
from nodes.catalogue import SHIPPED, load, models_for, remedy
from nodes.registry import services
from schemas.errors import WorkbenchError

OWN = """
[licences.lab]
title = "Lab"
url = "https://lab.test/licence"
says = "Research only."

[models."mine-1.0"]
title = "Mine"
licence = "lab"
services = ["generate.svd"]
source = { url = "https://lab.test/mine/" }
files = [
    { path = "unet/config.json" },
    { path = "unet/model.safetensors", from = "unet/model.fp16.safetensors" },
]
"""


def own(folder: Path, text: str) -> Path:
    (folder / "models.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("service", "some"),
    [
        ("generate.image", {"sd-1.5", "sdxl-base-1.0", "flux.1-schnell"}),
        ("generate.svd", {"svd-xt-1.1", "svd-xt"}),
        ("generate.wan_i2v", {"wan2.1-i2v-14b-480p"}),
        ("generate.wav2lip", {"wav2lip", "wav2lip-gan"}),
        ("generate.upscale_video_torch", {"realesrgan-x4plus", "span-x4-nomosuni", "gfpgan-1.4", "restoreformer"}),
        ("generate.f5_tts", {"f5tts-v1-base", "vocos-mel-24khz"}),
    ],
)
def test_each_service_has_its_models(service: str, some: set[str]) -> None:
    assert some <= {model.name for model in models_for(service)}


def test_shipped_models_are_held_to_a_revision_or_to_digests() -> None:
    for model in load().models.values():
        held = model.source.revision or all(file.sha256 for file in model.files)
        assert held, f"{model.name}: a branch or a file at a URL can change"
        assert model.services and model.licence.url.startswith("https://")
        assert all(file.sha256 for file in model.files if file.is_pickle)


def test_diffusers_models_are_complete_for_loading_without_variant() -> None:
    for model in load().models.values():
        paths = {file.path for file in model.files}
        if "model_index.json" not in paths:
            continue
        assert not any(".fp16." in path for path in paths)
        folders = {path.partition("/")[0] for path in paths if "/" in path}
        with_weights = {path.partition("/")[0] for path in paths if path.endswith(".safetensors")}
        assert {"scheduler", "vae"} <= folders and "vae" in with_weights
        for folder in with_weights:
            assert f"{folder}/config.json" in paths


def test_own_file_adds_models_and_overrides_a_source(tmp_path: Path) -> None:
    text = OWN + '\n[models.svd-xt]\nsource = { url = "https://mirror.test/svd/" }\n'
    read = load(own(tmp_path, text))
    assert read.own == {"mine-1.0", "svd-xt"}
    assert read.models["svd-xt"].source.url == "https://mirror.test/svd/"
    assert read.models["svd-xt"].files == load().models["svd-xt"].files, "digests stay"
    assert [one.name for one in read.models_for("generate.svd")] == ["svd-xt-1.1", "svd-xt", "mine-1.0"]


def test_remedy_is_the_command(tmp_path: Path) -> None:
    assert remedy("svd-xt") == "Run `workbench models fetch svd-xt` there."
    assert "workbench models import FOLDER --name mine" in remedy("mine", tmp_path)
    with pytest.raises(WorkbenchError) as raised:
        load().get("mine")
    assert raised.value.code == "model.unknown" and "--name mine" in raised.value.remedy


@pytest.mark.parametrize(
    ("change", "line", "place", "text"),
    [
        (("services =", "sevices ="), 10, "models.mine-1.0.sevices", "not known"),
        (
            ('{ path = "unet/config.json" }', '{ path = "unet/config.json", sha = "1" }'),
            13,
            "files[0].sha",
            "not known",
        ),
        (('licence = "lab"', 'licence = "labs"'), 10, "models.mine-1.0.licence", "no such table"),
        (('says = "Research only."', ""), 2, "licences.lab.says", "required"),
        (("unet/config.json", "../config.json"), 14, "files[0].path", "pattern"),
        (("unet/config.json", ".hidden"), 14, "files[0].path", "pattern"),
        (("unet/config.json", "model.pth"), 13, "files[0]", "needs its `sha256`"),
        (('url = "https://lab.test/mine/"', 'huggingface = "a/b"'), 12, "source", "revision"),
        (("[licences.lab]", "[licence.lab]"), 2, "licence", "not known"),
        (('title = "Mine"', 'title = "Mine'), 9, "", "line 8"),
    ],
)
def test_mistake_is_refused_with_file_and_place(
    tmp_path: Path, change: tuple[str, str], line: int, place: str, text: str
) -> None:
    with pytest.raises(WorkbenchError) as raised:
        load(own(tmp_path, OWN.replace(*change)))
    error = raised.value
    assert error.code == "model.bad_catalogue" and text in str(error)
    assert str(tmp_path / "models.toml") in error.where and place in error.where
    if place:
        found = int(error.where.split(":")[1])
        assert abs(found - line) <= 1, error.where


def test_own_file_replaces_no_shipped_file() -> None:
    assert SHIPPED.parent == Path(catalogue.__file__).parent and SHIPPED.is_file()


def test_nodes_and_catalogue_name_the_same_models_and_services() -> None:
    """A model that a node chooses by default can be fetched, and each service that the catalogue names exists."""
    models = load().models
    declared = {name: node for name, node in services().items() if node.run.__module__.startswith("nodes.")}
    for service, node in declared.items():
        for parameter in node.models:
            default = node.params.model_fields[parameter].default
            if default:
                assert service in models[default].services, f"{service}: {parameter}={default}"
    used = {service for model in models.values() for service in model.services}
    assert used == {service for service, node in declared.items() if node.models}
