"""The probes as they were a version ago: for a worker that was not brought up to date."""

from __future__ import annotations

from nodes.sdk import DECLARED, Context, node
from tests.engine.probe_nodes import Inputs, Outputs, Params

del DECLARED["probe.data"]  # imported above, as it is today


@node("probe.data", version="0.9.0", plane="data", cache=False)
def data(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    raise AssertionError("a worker of another version was given this node")
