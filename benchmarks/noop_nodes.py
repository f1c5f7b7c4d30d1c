"""Nodes that do nothing: what is left is the runner."""

from __future__ import annotations

from nodes.sdk import Context, Field, NodeModel, node


class Params(NodeModel):
    """Nothing to set."""


class Inputs(NodeModel):
    tick: int = Field(0, description="Counted up.")


class Outputs(NodeModel):
    tick: int = Field(description="One more than the input.")


@node("bench.control", version="1.0.0", plane="control", cache=False)
def control(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return Outputs(tick=inputs.tick + 1)


@node("bench.data", version="1.0.0", plane="data", cache=False)
def data(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return Outputs(tick=inputs.tick + 1)
