"""Trained LoRAs by name. A name belongs to the newest completed training of that name that a person may read.

Nothing stores the names: they follow from the jobs, so deleting or erasing a training frees its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from nodes.catalogue import Model, load
from schemas.errors import WorkbenchError
from schemas.lora import LORA_NAME, TRAINING, TrainedLora
from schemas.refs import FileRef, read_ref, refs_in
from workbench.client.deployment import Deployment
from workbench.pipelines.registry import find_pipeline
from workbench.store.pipeline_results import PipelineResult, completed_jobs

_SHOWN = 20  # names in an error


def trained_loras(deployment: Deployment, reader: str | None, *, job: str | None = None) -> list[TrainedLora]:
    """The LoRAs that have a name, newest first, each name once. Blocks. Raises WorkbenchError: sql.unreachable.

    Args:
        reader: the owner whose trainings count; None for all owners.
        job: only that of this training, also if a newer one has its name.
    """
    found: dict[str, TrainedLora] = {}
    for one in _trained(deployment, reader):
        if job is None or one.job_id == job:
            found.setdefault(one.name, one)
    return list(found.values())


def lora_named(deployment: Deployment, name: str, reader: str | None, *, where: str) -> FileRef:
    """The file of the LoRA with that name, which is also the file's name.

    Args:
        reader: as of ``trained_loras``.
        where: the option to name in the error.

    Raises WorkbenchError: lora.unknown with the names that exist, sql.unreachable.
    """
    names: list[str] = []
    for one in _trained(deployment, reader):
        if one.name == name:
            return one.ref
        names.append(one.name)
    known = list(dict.fromkeys(names))
    raise WorkbenchError(
        "lora.unknown",
        f"there is no LoRA {name}",
        where=where,
        seen=name,
        allowed=(get_close_matches(name, known, n=3) or known)[:_SHOWN] or "no LoRA was trained yet",
        remedy="`workbench loras` lists them. `workbench run train_lora` trains one.",
    )


def is_lora_name(text: str) -> bool:
    """Whether a LoRA can have this name."""
    return re.fullmatch(LORA_NAME, text) is not None


def _trained(deployment: Deployment, reader: str | None) -> Iterator[TrainedLora]:
    node, output = find_pipeline(TRAINING).result or ("", "")
    models = load(deployment.settings.models).models
    for result in completed_jobs(deployment.store.database, TRAINING, node, reader):
        one = _lora(deployment, result, node, output, models)
        if one is not None:
            yield one


def _lora(
    deployment: Deployment, result: PipelineResult, node_id: str, output: str, models: Mapping[str, Model]
) -> TrainedLora | None:
    """None for a job that was not submitted with a name."""
    asked = result.graph.metadata.get("asked")
    name = asked.get("options", {}).get("name") if isinstance(asked, dict) else None
    ref = read_ref(result.output.get(output))
    if not (isinstance(name, str) and isinstance(ref, FileRef)):
        return None
    node = result.graph.node(node_id)
    model = str(node.params.get("model") or "")
    stated = result.graph.metadata.get("consent")
    return TrainedLora(
        name=name,
        ref=ref.model_copy(update={"name": f"{name}.safetensors"}),
        trigger=str(result.output.get("trigger") or node.params.get("trigger") or ""),
        base_model=model,
        licence=models[model].licence.title if model in models else "",
        job_id=result.job,
        owner=result.owner,
        trained_at=result.finished_at,
        consent=str(stated.get("by") or "") if isinstance(stated, dict) else "",
        withdrawn=_withdrawn(deployment, result),
        url=f"/api/artifacts/{ref.sha256}",
    )


def _withdrawn(deployment: Deployment, result: PipelineResult) -> bool:
    """Whether the consent to one of the files of the training was withdrawn, and none was given afterwards."""
    given = {ref.sha256 for node in result.graph.nodes for ref in refs_in([node.params, node.input])}
    for records in deployment.consents.of_files(result.owner, given).values():
        ended = max((one.withdrawn_at for one in records if one.withdrawn_at is not None), default=None)
        if ended is not None and not any(one.withdrawn_at is None and one.at > ended for one in records):
            return True
    return False
