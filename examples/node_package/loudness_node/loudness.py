"""Measure how loud a recording is and how much room it has left.

Source: own work; the usual definitions of RMS and peak level against full scale. Licence Apache-2.0.
"""

from __future__ import annotations

from nodes.sdk import AudioRef, Context, Field, Metric, NodeError, NodeModel, Resources, node


class Params(NodeModel):
    floor_dbfs: float = Field(-60.0, ge=-120, le=0, description="Quieter blocks count as silence, in dBFS.")
    block_s: float = Field(0.05, ge=0.01, le=1, description="Length of a block in seconds.")


class Inputs(NodeModel):
    audio: AudioRef = Field(description="The recording, in any format FFmpeg reads.")


class Outputs(NodeModel):
    loudness_dbfs: float = Field(description="RMS level of the blocks that are not silent.")
    peak_dbfs: float = Field(description="Level of the loudest sample.")
    silence: float = Field(description="Share of silent blocks, 0 to 1.")


@node(
    "measure.loudness",
    version="1.0.0",
    plane="data",
    title="Loudness",
    category="Evaluation",
    tags=("audio", "level"),
    resources=Resources(timeout_s=120),
    metrics=(
        Metric(name="loudness_dbfs", unit="dBFS", better="neither", meaning="Level of the recording; 0 is full scale."),
    ),
    packages=("av", "numpy"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Audio -> levels in dB against full scale (a square wave at full scale has 0 dBFS).

    Raises NodeError (node.bad_input): a recording without sound.
    """
    import av
    import numpy as np

    with av.open(str(ctx.open(inputs.audio))) as container:
        rate = container.streams.audio[0].rate
        mono = av.AudioResampler(format="flt", layout="mono", rate=rate)
        frames = [part for frame in container.decode(audio=0) for part in mono.resample(frame)]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0)
    length = max(1, round(params.block_s * rate))
    blocks = samples[: len(samples) // length * length].reshape(-1, length)  # (blocks, samples)
    power = (blocks.astype(np.float64) ** 2).mean(axis=1)
    loud = power > 10 ** (params.floor_dbfs / 10)
    if not loud.any():
        raise NodeError(
            "there is no sound in this recording",
            where="input.audio",
            seen=f"{len(samples) / rate:.2f} s below {params.floor_dbfs:g} dBFS",
            remedy="Give a recording with sound, or lower floor_dbfs.",
        )
    loudness = float(10 * np.log10(power[loud].mean()))
    ctx.metric("loudness_dbfs", loudness)
    return Outputs(
        loudness_dbfs=loudness,
        peak_dbfs=float(20 * np.log10(np.abs(samples).max())),
        silence=float(1 - loud.mean()),
    )
