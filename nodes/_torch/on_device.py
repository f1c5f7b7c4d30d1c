"""The parameters that say where and how precisely a network runs, and what is measured of it. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from nodes.sdk import Field, Metric, NodeModel


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


METRICS = (
    Metric(
        name="peak_memory_gib",
        unit="GiB",
        better="lower",
        meaning="Most memory in use on the device at once; on a CPU, of the process.",
    ),
    Metric(name="device_s", unit="s", better="lower", meaning="Time for which the device computed."),
)
