"""Named parameter sets: those of the pipelines, and those that users save."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import ValidationError

from nodes.registry import services
from schemas.api import Preset, PresetValues
from schemas.errors import WorkbenchError
from schemas.problem import invalid
from workbench.client.deployment import Deployment
from workbench.pipelines.registry import find_pipeline
from workbench.store.presets import MOST, Presets


def presets_of(deployment: Deployment, pipeline: str, owner: str) -> list[Preset]:
    """The presets of the pipeline, then those of the owner.

    An owner's preset hides a preset of the pipeline by name.
    """
    own = Presets(deployment.store.database).of(owner, pipeline)
    names = {preset.name for preset in own}
    return [*(preset for preset in shipped(pipeline) if preset.name not in names), *own]


def shipped(pipeline: str) -> list[Preset]:
    """The presets that are declared with the pipeline."""
    return [Preset(pipeline=pipeline, owner="", **asdict(preset)) for preset in find_pipeline(pipeline).presets]


def find_preset(deployment: Deployment, pipeline: str, name: str, owner: str) -> Preset:
    """Raises WorkbenchError: pipeline.unknown, preset.unknown."""
    find_pipeline(pipeline)
    for preset in presets_of(deployment, pipeline, owner):
        if preset.name == name:
            return preset
    raise _unknown(pipeline, name)


def keep_preset(deployment: Deployment, pipeline: str, name: str, values: PresetValues, owner: str) -> Preset:
    """Save parameters under a name. Replaces an existing preset of that name.

    Raises WorkbenchError: pipeline.unknown, pipeline.bad_option if the pipeline does not have a node, graph.bad_param
    for a value out of bounds, request.invalid if the owner has too many presets.
    """
    chosen = find_pipeline(pipeline)
    services_of = {step.id: step.service for step in chosen.steps}
    for node_id, params in values.params.items():
        if node_id not in services_of:
            raise WorkbenchError(
                "pipeline.bad_option",
                f"{pipeline} has no node {node_id}",
                where=f"params.{node_id}",
                seen=node_id,
                allowed=sorted(services_of),
                remedy="Name one of its nodes.",
            )
        _check(node_id, services_of[node_id], params)
    unknown = sorted(set(values.leave_out) - chosen.optional)
    if unknown:
        raise WorkbenchError(
            "pipeline.bad_option",
            f"{unknown[0]} cannot be left out of {pipeline}",
            where="leaveOut",
            seen=unknown,
            allowed=sorted(chosen.optional) or "nothing",
        )
    if not Presets(deployment.store.database).put(owner, pipeline, name, values):
        raise WorkbenchError(
            "request.invalid",
            f"{owner} already has {MOST} presets",
            where="name",
            allowed=f"at most {MOST}",
            remedy="Delete a preset that you no longer use.",
        )
    return Preset(pipeline=pipeline, name=name, owner=owner, **values.model_dump())


def delete_preset(deployment: Deployment, pipeline: str, name: str, owner: str) -> None:
    """Raises WorkbenchError: pipeline.unknown; preset.unknown, also for a preset that is declared with the pipeline."""
    find_pipeline(pipeline)
    if not Presets(deployment.store.database).remove(owner, pipeline, name):
        raise _unknown(pipeline, name)


def _check(node_id: str, service: str, params: dict[str, object]) -> None:
    declaration = services().get(service)
    if declaration is None:
        return
    try:
        declaration.params.model_validate(params)
    except ValidationError as error:
        raise invalid(
            error,
            "graph.bad_param",
            where=f"params.{node_id}",
            model=declaration.params,
            remedy=f"`workbench nodes {service}` shows the parameters and their bounds.",
        ) from None


def _unknown(pipeline: str, name: str) -> WorkbenchError:
    return WorkbenchError(
        "preset.unknown",
        f"{pipeline} has no preset {name} of yours",
        where=pipeline,
        seen=name,
        remedy="GET /api/pipelines lists the presets of each pipeline.",
    )
