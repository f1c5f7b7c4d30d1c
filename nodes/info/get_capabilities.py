"""The capabilities of the worker that runs this node.

Source: this project, licence Apache-2.0.
"""

from __future__ import annotations

import os
import platform

from nodes.sdk import Context, Field, NodeModel, Resources, node
from schemas.capability import WorkerManifest
from schemas.status import Plane

POOL = "cpu"  # the pool of this node; services of other pools are reported by their own workers


class Params(NodeModel):
    """No parameters."""


class Inputs(NodeModel):
    """No inputs."""


class Outputs(NodeModel):
    manifest: WorkerManifest = Field(description="The worker's machine and the services that it provides.")


@node(
    "info.get_capabilities",
    title="Capabilities of a worker",
    category="System",
    tags=("capabilities",),
    version="1.1.0",
    plane="data",
    pool=POOL,
    resources=Resources(timeout_s=30),
    cache=False,
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Report this worker's machine and services."""
    import psutil

    from nodes.manifest import manifests
    from nodes.registry import services

    offered = [item for item in manifests(services()) if item.plane is Plane.DATA and item.pool == POOL]
    return Outputs(
        manifest=WorkerManifest(
            worker=ctx.worker,
            plane=Plane.DATA,
            pool=POOL,
            host=platform.node(),
            pid=os.getpid(),
            cpus=os.cpu_count() or 1,
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            device=ctx.device,
            services=offered,
        )
    )
