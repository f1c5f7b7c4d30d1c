"""Services for tests of pages: a film with a tone, made in parts as a test opens their gates; and a gate alone."""

from __future__ import annotations

import time
from pathlib import Path

from nodes.sdk import AudioRef, Context, Field, NodeModel, Resources, VideoRef, node
from tests.app.pages.numbered import write_numbered
from tests.store.media import write_clip, write_tone

PARTS = 3
PART_S = 2.0
AUDIO_S = (3.0, 2.0, 1.0)  # ahead of the pictures, as speech is


class Params(NodeModel):
    gates: str = Field("", description="Path that the gates begin with: each part waits for the file with its number.")


class Film(NodeModel):
    video: VideoRef = Field(description="The pictures.")
    audio: AudioRef = Field(description="The tone.")


@node("test.film", version="1.0.0", plane="data", part=Film, cache=False, resources=Resources(timeout_s=180))
def film(ctx: Context, params: Params, inputs: NodeModel) -> Film:
    """Pictures and sound, in parts and then as a whole."""
    for number in range(len(ctx.parts), PARTS):
        while not Path(f"{params.gates}{number}").exists():
            ctx.progress(number, PARTS, "parts")
            time.sleep(0.02)
        ctx.parts.append(_made(ctx, f"part-{number}", PART_S, AUDIO_S[number]))
    return _made(ctx, "whole", PARTS * PART_S, sum(AUDIO_S))


class Numbers(NodeModel):
    clip: int = Field(1, ge=0, le=15, description="Number of the clip.")
    frames: int = Field(100, description="How many.")
    fps: int = Field(25, description="Frames per second.")


class Numbered(NodeModel):
    video: VideoRef = Field(description="Its frames show their numbers.")


@node("test.numbered", version="1.0.0", plane="data", cache=False, resources=Resources(timeout_s=60))
def numbered(ctx: Context, params: Numbers, inputs: NodeModel) -> Numbered:
    """A clip of numbered frames with a tone."""
    path = write_numbered(ctx.workdir / "clip.mp4", params.clip, frames=params.frames, fps=params.fps, tone=True)
    return Numbered(video=ctx.save(path, "video", frames=params.frames, fps=float(params.fps), width=256, height=256))


class Gate(NodeModel):
    file: str = Field("", description="Waits for this file.")


class Passed(NodeModel):
    passed: bool = Field(description="True.")


@node("test.gate", version="1.0.0", plane="data", cache=False, resources=Resources(timeout_s=180))
def gate(ctx: Context, params: Gate, inputs: NodeModel) -> Passed:
    while not Path(params.file).exists():
        ctx.progress(0, 1, "gates")
        time.sleep(0.02)
    return Passed(passed=True)


def _made(ctx: Context, name: str, video_s: float, audio_s: float) -> Film:
    video = write_clip(ctx.workdir / f"{name}.mp4", video_s)
    audio = write_tone(ctx.workdir / f"{name}.wav", audio_s)
    return Film(video=ctx.save(video, "video", frames=round(video_s * 25), fps=25.0), audio=ctx.save(audio, "audio"))
