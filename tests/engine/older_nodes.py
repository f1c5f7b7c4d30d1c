"""The probe services in an older version, for a worker that was not updated."""

from __future__ import annotations

from nodes.sdk import DECLARED, Context, node
from tests.engine.probe_nodes import Inputs, Outputs, Params

del DECLARED["probe.data"]  # the current version, imported above


@node("probe.data", version="0.9.0", plane="data", cache=False)
def data(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    raise AssertionError("a worker with another version received this node")
