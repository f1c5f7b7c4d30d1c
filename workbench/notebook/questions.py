"""What widgets may ask, by the names of the HTTP API: a closed list, answered by the client layer as the local user."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from schemas.api import ApprovalRequest, PartEntry, PartList, PipelineList, PresetValues, Waveform
from schemas.base import Contract
from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.client import job_api
from workbench.client.access import LOCAL, readable
from workbench.client.deployment import Deployment
from workbench.client.describe import describe_pipelines
from workbench.client.media.media_types import served_type
from workbench.client.media.thumbnails import side_for, thumbnail
from workbench.client.media.waveforms import points_for, waveform
from workbench.client.presets import delete_preset, keep_preset
from workbench.client.rerun import retry
from workbench.client.submit import job_request, submit
from workbench.notebook import within
from workbench.notebook.given import validated


@dataclass(frozen=True)
class Asker:
    """The local user in this kernel, who may read what any job names and what a widget of the kernel shows.

    Attributes:
        shown: by digest.
    """

    deployment: Deployment
    shown: dict[str, Ref] = field(default_factory=dict)

    def readable(self, sha256: str) -> Ref:
        """Raises WorkbenchError (artifact.unknown)."""
        return self.shown.get(sha256) or readable(self.deployment, LOCAL, sha256)


MAX_INLINE_BYTES = 64_000  # of a thumbnail or preview, which comes as a data: URL
Params = Mapping[str, Any]


def _submit(asker: Asker, given: Params) -> Contract:
    accepted = submit(asker.deployment, job_request(**given), parent_run=within.parent_run())
    within.note(job=accepted.job)
    return job_api.accepted_answer(asker.deployment, accepted)


def _retry(asker: Asker, given: Params) -> Contract:
    accepted = retry(asker.deployment, given["job_id"], owner=LOCAL.name, parent_run=within.parent_run())
    within.note(job=accepted.job)
    return job_api.accepted_answer(asker.deployment, accepted)


def _decide(asker: Asker, given: Params) -> Contract:
    return job_api.decide(asker.deployment, LOCAL, given["job_id"], validated(ApprovalRequest, _rest(given, "job_id")))


def _waveform(asker: Asker, given: Params) -> Contract:
    ref = asker.readable(given["sha256"])
    return Waveform(peaks=waveform(asker.deployment, ref, points_for(int(given.get("points", 600)))))


def _parts(asker: Asker, given: Params) -> Contract:
    count = len(asker.deployment.parts(given["job_id"], given["node"]))
    base = f"/api/jobs/{given['job_id']}/nodes/{given['node']}/parts"
    return PartList(parts=[PartEntry(index=index, url=f"{base}/{index}") for index in range(count)])


def _keep_preset(asker: Asker, given: Params) -> Contract:
    values = validated(PresetValues, _rest(given, "pipeline", "name"))
    return keep_preset(asker.deployment, given["pipeline"], given["name"], values, LOCAL.name)


def _rest(given: Params, *taken: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in taken}


QUESTIONS: dict[str, Callable[[Asker, Params], Contract | None]] = {
    "GET /api/session": lambda asker, _: job_api.session_answer(asker.deployment, LOCAL),
    "GET /api/pipelines": lambda asker, _: PipelineList(pipelines=describe_pipelines(asker.deployment, LOCAL.name)),
    "POST /api/jobs": _submit,
    "GET /api/jobs/{job_id}": lambda asker, given: job_api.job_answer(asker.deployment, LOCAL, given["job_id"]),
    "GET /api/jobs/{job_id}/artifacts": lambda asker, given: job_api.artifact_list(
        asker.deployment, LOCAL, given["job_id"]
    ),
    "GET /api/jobs/{job_id}/nodes/{node}/parts": _parts,
    "POST /api/jobs/{job_id}/cancel": lambda asker, given: job_api.cancel(asker.deployment, LOCAL, given["job_id"]),
    "POST /api/jobs/{job_id}/retry": _retry,
    "POST /api/jobs/{job_id}/approve": _decide,
    "GET /api/artifacts/{sha256}/waveform": _waveform,
    "PUT /api/presets/{pipeline}/{name}": _keep_preset,
    "DELETE /api/presets/{pipeline}/{name}": lambda asker, given: delete_preset(
        asker.deployment, given["pipeline"], given["name"], LOCAL.name
    ),
}


def answer(asker: Asker, name: str, given: Params) -> Any:
    """The JSON of the answer. Blocks. Raises WorkbenchError: request.not_found, and what the question raises."""
    found = _known(QUESTIONS, name)(asker, given)
    return {} if found is None else found.model_dump(mode="json", by_alias=True)


def _artifact(asker: Asker, given: Params) -> Ref:
    return asker.readable(given["sha256"])


def _thumbnail(asker: Asker, given: Params) -> str:
    file = thumbnail(asker.deployment, asker.readable(given["sha256"]), side_for(int(given.get("size", 160))))
    return _data_url(file.read_bytes(), "image/jpeg")


def _preview(asker: Asker, given: Params) -> str:
    return _data_url(*job_api.preview_of(asker.deployment, LOCAL, given["job_id"], given["node"]))


def _part(asker: Asker, given: Params) -> Ref:
    parts = asker.deployment.parts(given["job_id"], given["node"])
    if int(given["index"]) >= len(parts):
        raise job_api.nothing_of(given["job_id"], given["node"], f"part {given['index']}")
    return parts[int(given["index"])]


MEDIA: dict[str, Callable[[Asker, Params], Ref | str]] = {
    "GET /api/artifacts/{sha256}": _artifact,
    "GET /api/artifacts/{sha256}/thumbnail": _thumbnail,
    "GET /api/jobs/{job_id}/nodes/{node}/preview": _preview,
    "GET /api/jobs/{job_id}/nodes/{node}/parts/{index}": _part,
}


def media(asker: Asker, name: str, given: Params) -> Ref | str:
    """What a question leads to: an artifact, or a small image as ``data:``. Blocks. Raises as ``answer``."""
    led: Ref | str = _known(MEDIA, name)(asker, given)
    return led


def address(name: str, given: Params) -> str:
    """Path and query of a question, as `request` of channel.js makes them: the key of what is saved."""
    rest = dict(given)
    path = name.partition(" ")[2]
    for key in [key for key in rest if f"{{{key}}}" in path]:
        path = path.replace(f"{{{key}}}", quote(str(rest.pop(key)), safe=""))
    return f"{path}?{urlencode(rest)}" if rest else path


def described(ref: Ref) -> dict[str, Any]:
    """What a browser needs to read an artifact by ranges of bytes."""
    return {"sha256": ref.sha256, "mediaType": served_type(ref), "sizeBytes": ref.size_bytes}


def _data_url(image: bytes, media_type: str) -> str:
    if len(image) > MAX_INLINE_BYTES:
        raise WorkbenchError(
            "request.too_large",
            "the image is too large for a notebook's message",
            seen=f"{len(image):,} bytes",
            allowed=f"at most {MAX_INLINE_BYTES:,} bytes",
            remedy="Open it on the page.",
        )
    return f"data:{media_type};base64,{base64.b64encode(image).decode()}"


def _known(questions: Mapping[str, Any], name: str) -> Any:
    if name not in questions:
        raise WorkbenchError(
            "request.not_found",
            "widgets cannot ask this question",
            where="name",
            seen=name[:200],
            allowed=sorted(questions),
            remedy="Ask the HTTP API, or use the Python API.",
        )
    return questions[name]
