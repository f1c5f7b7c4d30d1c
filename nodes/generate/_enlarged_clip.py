"""What the nodes that upscale a video share: inputs, outputs, the size of the result and the limit on the length.

So one of them can take the other's place in a graph. Imports nothing heavy.
"""

from __future__ import annotations

from typing import Literal

from nodes.sdk import Field, InParts, Metric, NodeError, NodeModel, VideoRef


class EnlargingParams(NodeModel):
    """Parameters of every node that upscales a video."""

    scale: Literal[2, 4] = Field(2, description="Output size / input size; max_side may limit it.")
    max_side: int = Field(
        2048,
        ge=64,
        le=4096,
        multiple_of=2,
        description="Maximum length of the output's longer side, in pixels; a larger result is reduced.",
    )
    crf: int = Field(17, ge=0, le=40, description="Quality of the encoding: lower is better; 17 looks lossless.")
    max_frames: int = Field(3000, ge=1, le=100_000, description="Maximum length of the clip, in frames.")

    def reached(self, width: int, height: int) -> float:
        """Output size / input size."""
        return min(float(self.scale), self.max_side / max(width, height))

    def check_length(self, frames: int) -> None:
        """Raises NodeError (node.bad_input) if the clip has more frames than ``max_frames``."""
        if frames > self.max_frames:
            raise NodeError(
                "the clip is too long to upscale",
                where="video",
                seen=f"{frames} frames",
                allowed=f"up to {self.max_frames} frames",
                remedy="Leave out the upscaling, or increase max_frames. On a CPU, each frame takes seconds.",
            )


class Inputs(NodeModel):
    video: InParts[VideoRef] = Field(description="The clip; its audio is dropped.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="The enlarged clip: h264 in mp4, with equally many frames, without audio.")
    scale_reached: float = Field(description="Output size / input size after max_side.")


SCALE_REACHED = Metric(
    name="scale_reached",
    better="higher",
    meaning="Size of the result / size of the input; less than asked for if the size is limited.",
)
