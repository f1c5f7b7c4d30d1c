"""The parameters that say where and how precisely a network runs, and what is measured of it. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from nodes.sdk import Field, Metric, NodeModel

Offload = Literal["none", "model", "sequential"]


class OnDevice(NodeModel):
    """Parameters of every node on torch."""

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        description="Where it runs: cpu, mps, cuda or cuda:1; auto takes a GPU if there is one.",
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="Precision of the network; auto: half precision on a GPU, float32 on a CPU."
    )


class OnPipeline(OnDevice):
    """Parameters of every node that runs a pipeline of diffusers."""

    offload: Literal["auto"] | Offload = Field(
        "auto",
        description="What is kept on the GPU: none offloads nothing, model keeps one network at a time, sequential one "
        "layer, which is slow; auto chooses by free memory. Without effect on a CPU.",
    )
    compile: bool = Field(
        False,
        description="Compile the denoising network: the first run of each size takes minutes longer, later runs less.",
    )
    lora_strength: float = Field(1.0, ge=-2, le=4, description="Strength of the LoRA: 1 as trained, 0 without effect.")


ON_PIPELINE = ("device", "dtype", "offload", "compile")  # for ``advanced=``

METRICS = (
    Metric(
        name="peak_memory_gib",
        unit="GiB",
        better="lower",
        meaning="Most memory in use on the device at once; on a CPU, of the process.",
    ),
    Metric(name="device_s", unit="s", better="lower", meaning="Time for which the device computed."),
)
PIPELINE_METRICS = (
    *METRICS,
    Metric(
        name="stepped_down",
        better="lower",
        meaning="1 if memory ran out and the run was repeated in a way that needs less; the log says which.",
    ),
)
