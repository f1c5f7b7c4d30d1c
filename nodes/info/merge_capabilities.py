"""Merge the capabilities that the data plane reported with those of this control plane.

Source: this project, licence Apache-2.0.
"""

from __future__ import annotations

from nodes.sdk import Context, Field, NodeModel, Resources, node
from schemas.capability import Capabilities, ServiceManifest, WorkerManifest
from schemas.installing import ENGINES, install_engine
from schemas.status import Plane


class Params(NodeModel):
    """No parameters."""


class Inputs(NodeModel):
    manifest: WorkerManifest = Field(description="The report of a data worker.")


class Outputs(NodeModel):
    capabilities: Capabilities = Field(description="The capabilities of both planes.")


@node(
    "info.merge_capabilities",
    title="Capabilities of all workers",
    category="System",
    tags=("capabilities",),
    version="1.0.0",
    plane="control",
    resources=Resources(timeout_s=30),
    cache=False,
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Merge both planes."""
    import os
    import platform

    from nodes.manifest import manifests
    from nodes.registry import services

    declared = manifests(services())
    here = WorkerManifest(
        worker=ctx.worker,
        plane=Plane.CONTROL,
        pool="control",
        host=platform.node(),
        pid=os.getpid(),
        cpus=os.cpu_count() or 1,
        services=[item for item in declared if item.plane is Plane.CONTROL],
    )
    return Outputs(capabilities=merge([inputs.manifest, here], declared))


def merge(workers: list[WorkerManifest], declared: list[ServiceManifest]) -> Capabilities:
    """The capabilities of all workers. Declared services that no worker provides are missing, with the reason."""
    services: dict[str, ServiceManifest] = {item.service: item for item in declared}
    offered_by: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for worker in workers:
        for service in worker.services:
            services[service.service] = service
            if service.available and not service.missing_models:
                offered_by.setdefault(service.service, []).append(worker.worker)
            else:
                reasons[service.service] = service.missing or service.missing_models
    missing = {
        name: reasons.get(name) or without_worker(service)
        for name, service in services.items()
        if name not in offered_by
    }
    return Capabilities(
        services=[services[name] for name in sorted(services)], workers=workers, offered_by=offered_by, missing=missing
    )


def without_worker(service: ServiceManifest) -> str:
    """That no worker serves the pool of a service, with the command that installs its engine, if it needs one."""
    reason = f"no worker of the {service.plane.value} plane serves the pool {service.pool}"
    if service.pool not in ENGINES:
        return reason
    return f"{reason}: run `{install_engine(service.pool)}`, then restart the stack or start a worker"
