"""The services that the workers of a deployment provide."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from schemas.base import Contract
from schemas.metric import Metric
from schemas.status import Plane


class ServiceManifest(Contract):
    """One service, with the details that front ends need to draw a form and to say what is missing."""

    service: str
    version: str
    title: str = Field("", description="What people call it.")
    category: str = Field("", description="The heading under which lists show it.")
    tags: list[str] = Field(default_factory=list, description="Words by which people look for it.")
    plane: Plane
    pool: str
    doc: str = ""
    seeded: bool = False
    cache: bool = True
    asks: bool = Field(False, description="Whether it waits for a person's approval.")
    gpu: int = 0
    vram_gib: float = 0.0
    timeout_s: float = 600.0
    code: str = Field("", description="Digest of the node's source.")
    weights: str = Field("", description="Digest of its model files; empty if it has none.")
    packages: list[str] = Field(default_factory=list, description="name==version of the packages that it declares.")
    models: list[str] = Field(default_factory=list, description="Parameters that name installed models.")
    available: bool = True
    missing: str = Field("", description="Why the service cannot run here; empty if it can.")
    missing_models: str = Field(
        "", description="Why no job can use it although it runs here: a model is not installed; empty otherwise."
    )
    metrics: list[Metric] = Field(default_factory=list, description="What it records, with units and meanings.")
    params: dict[str, Any] = Field(default_factory=dict, description="JSON Schema of its parameters.")
    inputs: dict[str, Any] = Field(
        default_factory=dict, description="JSON Schema of its inputs. Those that it can take in parts have `inParts`."
    )
    outputs: dict[str, Any] = Field(
        default_factory=dict, description="JSON Schema of its outputs. Those that it makes in parts have `inParts`."
    )


class Gpu(Contract):
    """A GPU of a worker's machine, as its driver reports it."""

    name: str
    memory_gib: float
    memory_used_gib: float = Field(description="Memory used by all processes of the machine.")


class WorkerManifest(Contract):
    """One worker: where it runs and which services it provides."""

    worker: str
    plane: Plane
    pool: str
    host: str = ""
    pid: int = 0
    cpus: int = 0
    memory_gib: float = 0.0
    memory_used_gib: float = Field(0.0, description="Resident memory of the worker and its executors.")
    device: str = "cpu"
    gpus: list[Gpu] = Field(default_factory=list)
    models: list[str] = Field(default_factory=list, description="Models that its executors keep loaded.")
    installed: dict[str, str] = Field(
        default_factory=dict, description="Digests of the models in the models folder of its machine, by name."
    )
    services: list[ServiceManifest] = Field(default_factory=list)


class Capabilities(Contract):
    """All services of both planes, and the workers that provide them."""

    services: list[ServiceManifest] = Field(default_factory=list)
    workers: list[WorkerManifest] = Field(default_factory=list)
    offered_by: dict[str, list[str]] = Field(default_factory=dict, description="service -> worker ids")
    missing: dict[str, str] = Field(default_factory=dict, description="service -> why no worker can run it now")
