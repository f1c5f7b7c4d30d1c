"""What a type checker tells the author of a node: the right reference for each kind, and where a value does not fit."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAD = """
from pathlib import Path
from typing import assert_type

from nodes.local import local_context, run_locally
from nodes.sdk import AudioRef, Context, Field, FileRef, ImageRef, JsonRef, NodeModel, Ref, TextRef, VideoRef, node
from workbench.client.uploads import store_file
from workbench.client.deployment import Deployment
from workbench.notebook.workbench import Workbench


class Params(NodeModel):
    scale: int = Field(2, ge=1, description="Times.")


class Inputs(NodeModel):
    image: ImageRef = Field(description="What is animated.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="What moves.")
    still: ImageRef = Field(description="Its first frame.")


"""
RIGHT = """
@node("lab.animate", version="1.0.0", plane="data", title="Animate", category="Lab", tags=("portrait",))
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    path = assert_type(ctx.open(inputs.image), Path)
    assert_type(ctx.model("scale", lambda: 0.5), float)
    assert_type(ctx.save(b"", "audio", sample_rate_hz=16_000), AudioRef)
    assert_type(ctx.save(b"", "text", author="ann"), TextRef)
    assert_type(ctx.save(b"", "json"), JsonRef)
    assert_type(ctx.save(b"", "file"), FileRef)
    assert_type(ctx.save(b"", str(params.scale)), Ref)
    return Outputs(video=ctx.save(path, "video", name="animated.mp4"), still=ctx.save(path, "image", width=512))


def use(wb: Workbench, path: Path) -> None:
    image = assert_type(wb.upload(path, "image"), ImageRef)
    assert_type(wb.upload(path, "video").fps, float | None)
    assert_type(wb.upload(path, "audio"), AudioRef)
    assert_type(wb.upload(image, "file"), Ref)
    ctx = local_context(path)
    assert_type(run(ctx, Params(), Inputs(image=image)), Outputs)
    assert_type(run_locally(run, ctx, {"scale": 3}, {"image": image}).video, VideoRef)
"""
WRONG = """
@node("lab.animate", version="1.0.0", plane="data", tags="portrait")
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return Outputs(video=ctx.save(b"", "image"), still=ctx.save(b"", "image", widht=512))


@node("lab.other", version="1.0.0", plane="data")
def other(ctx: Context, params: Params) -> int:
    return params.scales
"""


def checked(*files: Path) -> list[str]:
    """What strict mypy with pydantic's plugin says of the files; `make lint` has left what it knows of our packages."""
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return [line for line in ended.stdout.splitlines() if ": error: " in line]


def test_a_node_author_gets_correct_types_and_errors_for_wrong_ones(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(HEAD + RIGHT)
    wrong.write_text(HEAD + WRONG)
    found = checked(right, wrong, ROOT / "examples/node_package/loudness_node/loudness.py")
    assert [line for line in found if "wrong.py" not in line] == []
    for words in ('"video" to "Outputs" has incompatible type "ImageRef"', "widht", '"tags"', "scales", '"Run" of'):
        assert any(words in line for line in found), (words, found)


def test_every_shipped_package_is_marked_as_typed() -> None:
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert [name for name in targets["wheel"]["packages"] if not (ROOT / name / "py.typed").is_file()] == []
