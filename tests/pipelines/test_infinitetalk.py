"""The graphs of the pipeline infinitetalk."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import WorkbenchError
from schemas.refs import AudioRef, ImageRef
from tests.pipelines.graphs import graph_of

PORTRAIT = ImageRef(sha256="1" * 64, width=512, height=512)
VOICE = AudioRef(sha256="2" * 64)


def nodes_of(**options: Any) -> dict[str, Any]:
    given = {"portrait": PORTRAIT, "voice": VOICE, "prompt": "x", **options}
    return {node.id: node for node in graph_of("infinitetalk", **given).nodes}


def test_the_voice_sample_is_transcribed_when_no_transcript_is_given() -> None:
    nodes = nodes_of()
    assert list(nodes) == ["script", "listen", "speech", "animate", "upscale", "remux"]
    assert nodes["speech"].input["ref_text"] == "$listen.text"
    nodes = nodes_of(ref_text=" Hello. ")
    assert "listen" not in nodes and nodes["speech"].input["ref_text"] == "Hello."
    assert nodes_of(ref_text="$5 please")["speech"].input["ref_text"] == "$$5 please", "a text and no reference"


def test_upscaling_can_be_left_out_and_a_person_asked() -> None:
    nodes = nodes_of(leave_out=frozenset({"upscale"}), approve=True)
    assert nodes["remux"].input["video"] == "$animate.video"
    assert nodes["speech"].input["narration"] == "$review.narration"
    assert nodes["animate"].input["stage_prompt"] == "$review.stage_prompt"
    assert nodes_of()["remux"].input["video"] == "$upscale.video"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"voice": None}, "voice"),
        ({"portrait": None}, "portrait"),
        ({"prompt": ""}, "prompt"),
        ({"script": "y"}, "script"),
    ],
)
def test_missing_required_options_are_reported(options: dict[str, Any], where: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        nodes_of(**options)
    assert refused.value.code == "pipeline.bad_option" and where in refused.value.where
