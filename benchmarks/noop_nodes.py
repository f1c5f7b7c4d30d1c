"""Nodes that do nothing, or sleep: what is left is the runner."""

from __future__ import annotations

import time

from nodes.sdk import Context, Field, NodeModel, node


class Params(NodeModel):
    """Nothing to set."""


class Inputs(NodeModel):
    tick: int = Field(0, description="Counted up.")
    payload: str = Field("", description="Passed on.")


class Outputs(NodeModel):
    tick: int = Field(description="One more than the input.")
    payload: str = Field("", description="As it came in.")


class SleepParams(NodeModel):
    seconds: float = Field(0.5, ge=0, le=60, description="How long the node sleeps, in seconds.")
    value: int = Field(0, description="Makes one node differ from another.")


@node("deployment.control", version="1.1.0", plane="control", cache=False)
def control(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return Outputs(tick=inputs.tick + 1, payload=inputs.payload)


@node("deployment.data", version="1.1.0", plane="data", cache=False)
def data(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return Outputs(tick=inputs.tick + 1, payload=inputs.payload)


@node("deployment.sleep", version="1.0.0", plane="data", cache=False)
def sleep(ctx: Context, params: SleepParams, inputs: Inputs) -> Outputs:
    time.sleep(params.seconds)
    return Outputs(tick=inputs.tick + 1, payload=inputs.payload)


@node("deployment.known", version="1.0.0", plane="data")
def known(ctx: Context, params: SleepParams, inputs: Inputs) -> Outputs:
    """Sleeps as `deployment.sleep` does, but its result is kept and found again."""
    time.sleep(params.seconds)
    return Outputs(tick=inputs.tick + 1 + params.value, payload=inputs.payload)


@node("deployment.filler", version="1.0.0", plane="data", pool="filler", cache=False)
def filler(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """For a pool that no worker serves: a benchmark takes and commits it by itself."""
    return Outputs(tick=inputs.tick + 1)
