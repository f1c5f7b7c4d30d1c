"""The requests that widgets may send: a closed list with the names of the HTTP API, executed as the local user."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from schemas.api import ApprovalRequest, PipelineList, PresetValues, Waveform
from schemas.base import Contract
from schemas.consent import Consent
from schemas.errors import WorkbenchError
from schemas.frame_index import FrameIndex
from schemas.refs import Ref
from schemas.sweep import SweepLaunch, SweepSpec
from workbench.client import job_api
from workbench.client.access import LOCAL, User, readable
from workbench.client.comparison.chosen import names_in
from workbench.client.comparison.compare import compare
from workbench.client.comparison.series import series_values
from workbench.client.consent import EntryPoint
from workbench.client.delivery.deliver import Delivery
from workbench.client.deployment import Deployment
from workbench.client.describe import describe_pipelines
from workbench.client.media.derived_files import POINTS, SIDES_PX, frames, rounded_up, thumbnail, waveform
from workbench.client.media.media_types import served_type
from workbench.client.presets import delete_preset, keep_preset
from workbench.client.rerun import retry
from workbench.client.submit import job_request, submit
from workbench.client.sweeps import launch
from workbench.client.sweeps.local_files import read_spec_text, with_stored_files
from workbench.client.sweeps.view import sweep_in_full
from workbench.notebook import execution_context
from workbench.notebook.arguments import validated


@dataclass(frozen=True)
class WidgetUser:
    """The local user of this kernel, who may read all files of jobs and those that a widget of the kernel displays.

    Attributes:
        shown: displayed files by digest.
    """

    deployment: Deployment
    shown: dict[str, Ref] = field(default_factory=dict)

    def readable(self, sha256: str) -> Ref:
        """Raises WorkbenchError (artifact.unknown)."""
        return self.shown.get(sha256) or readable(self.deployment, LOCAL, sha256)


MAX_INLINE_BYTES = 64_000  # of a thumbnail or preview, which is sent as a data: URL
Params = Mapping[str, Any]


def _submit(user: WidgetUser, given: Params) -> Contract:
    run = execution_context.parent_run()
    accepted = submit(user.deployment, job_request(**given), parent_run=run, entry=EntryPoint.FORM)
    execution_context.note(job=accepted.job)
    return job_api.accepted_answer(user.deployment, accepted)


def _retry(user: WidgetUser, given: Params) -> Contract:
    accepted = retry(user.deployment, given["job_id"], owner=LOCAL.name, parent_run=execution_context.parent_run())
    execution_context.note(job=accepted.job)
    return job_api.accepted_answer(user.deployment, accepted)


def _decide(user: WidgetUser, given: Params) -> Contract:
    return job_api.decide(user.deployment, LOCAL, given["job_id"], validated(ApprovalRequest, _rest(given, "job_id")))


def _waveform(user: WidgetUser, given: Params) -> Contract:
    ref = user.readable(given["sha256"])
    return Waveform(peaks=waveform(user.deployment, ref, rounded_up(int(given.get("points", 600)), POINTS)))


def _compare(user: WidgetUser, given: Params) -> Contract:
    return compare(user.deployment, LOCAL, names_in(str(given.get("videos", ""))))


def _frames(user: WidgetUser, given: Params) -> Contract:
    file = frames(user.deployment, user.readable(given["sha256"]))
    return FrameIndex.model_validate_json(file.read_bytes())


def _series(user: WidgetUser, given: Params) -> Contract:
    return series_values(user.deployment, user.readable(given["sha256"]))


def _parts(user: WidgetUser, given: Params) -> Contract:
    return job_api.part_list(user.deployment, given["job_id"], given["node"])


def _keep_preset(user: WidgetUser, given: Params) -> Contract:
    values = validated(PresetValues, _rest(given, "pipeline", "name"))
    return keep_preset(user.deployment, given["pipeline"], given["name"], values, LOCAL.name)


def _rest(given: Params, *taken: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in taken}


def _plan_sweep(user: WidgetUser, given: Params) -> Contract:
    return launch.plan(user.deployment, LOCAL, _stored(user, given, None))


def _start_sweep(user: WidgetUser, given: Params) -> Contract:
    asked = validated(SweepLaunch, dict(given))
    spec = _stored(user, given["spec"], asked.consent)
    sweep = launch.launch(user.deployment, LOCAL, spec, asked.consent, entry=EntryPoint.FORM)
    return sweep_in_full(user.deployment, LOCAL, sweep)


def _stored(user: WidgetUser, given: Params, consent: Consent | None) -> SweepSpec:
    """The spec with digests of the files that it names on the kernel's machine, such as the sample."""
    spec = validated(SweepSpec, dict(given))
    return with_stored_files(user.deployment, spec, Path.cwd(), consent, owner=LOCAL.name, entry=EntryPoint.FORM)


def _changed_sweep(change: Callable[[Deployment, User, str], None]) -> Callable[[WidgetUser, Params], Contract]:
    def call(user: WidgetUser, given: Params) -> Contract:
        change(user.deployment, LOCAL, given["sweep"])
        return sweep_in_full(user.deployment, LOCAL, given["sweep"])

    return call


CALLS: dict[str, Callable[[WidgetUser, Params], Contract | None]] = {
    "GET /api/session": lambda user, _: job_api.session_answer(user.deployment, LOCAL),
    "GET /api/pipelines": lambda user, _: PipelineList(pipelines=describe_pipelines(user.deployment, LOCAL.name)),
    "POST /api/jobs": _submit,
    "GET /api/jobs/{job_id}": lambda user, given: job_api.job_answer(user.deployment, LOCAL, given["job_id"]),
    "GET /api/jobs/{job_id}/artifacts": lambda user, given: job_api.artifact_list(
        user.deployment, LOCAL, given["job_id"]
    ),
    "GET /api/jobs/{job_id}/nodes/{node}/parts": _parts,
    "POST /api/jobs/{job_id}/cancel": lambda user, given: job_api.cancel(user.deployment, LOCAL, given["job_id"]),
    "POST /api/jobs/{job_id}/retry": _retry,
    "POST /api/jobs/{job_id}/approve": _decide,
    "GET /api/artifacts/{sha256}/waveform": _waveform,
    "GET /api/artifacts/{sha256}/frames": _frames,
    "GET /api/artifacts/{sha256}/series": _series,
    "GET /api/compare": _compare,
    "PUT /api/presets/{pipeline}/{name}": _keep_preset,
    "POST /api/sweeps/plan": _plan_sweep,
    "POST /api/sweeps/read": lambda _, given: read_spec_text(given["text"]),
    "POST /api/sweeps": _start_sweep,
    "GET /api/sweeps/{sweep}": lambda user, given: sweep_in_full(user.deployment, LOCAL, given["sweep"]),
    "POST /api/sweeps/{sweep}/pause": _changed_sweep(launch.pause),
    "POST /api/sweeps/{sweep}/resume": _changed_sweep(launch.resume),
    "POST /api/sweeps/{sweep}/cancel": _changed_sweep(launch.cancel),
    "DELETE /api/presets/{pipeline}/{name}": lambda user, given: delete_preset(
        user.deployment, given["pipeline"], given["name"], LOCAL.name
    ),
}


def answer(user: WidgetUser, name: str, given: Params) -> Any:
    """The response as JSON. Blocks. Raises WorkbenchError: request.not_found, and the errors of the request."""
    found = _lookup(CALLS, name)(user, given)
    return {} if found is None else found.model_dump(mode="json", by_alias=True)


def _artifact(user: WidgetUser, given: Params) -> Ref:
    return user.readable(given["sha256"])


def _thumbnail(user: WidgetUser, given: Params) -> str:
    file = thumbnail(user.deployment, user.readable(given["sha256"]), rounded_up(int(given.get("size", 160)), SIDES_PX))
    return _data_url(file.read_bytes(), "image/jpeg")


def _preview(user: WidgetUser, given: Params) -> str:
    return _data_url(*job_api.preview_of(user.deployment, LOCAL, given["job_id"], given["node"]))


def _part(user: WidgetUser, given: Params) -> Ref:
    parts = user.deployment.parts(given["job_id"], given["node"])
    if int(given["index"]) >= len(parts):
        raise job_api.nothing_of(given["job_id"], given["node"], f"part {given['index']}")
    part = parts[int(given["index"])]
    user.shown[part.sha256] = part  # no record names it, because the job has not ended
    return part


MEDIA: dict[str, Callable[[WidgetUser, Params], Ref | str]] = {
    "GET /api/artifacts/{sha256}": _artifact,
    "GET /api/artifacts/{sha256}/thumbnail": _thumbnail,
    "GET /api/jobs/{job_id}/nodes/{node}/preview": _preview,
    "GET /api/jobs/{job_id}/nodes/{node}/parts/{index}": _part,
}


def media(user: WidgetUser, name: str, given: Params) -> Ref | str:
    """The medium of a request: an artifact, or a small image as ``data:``. Blocks. Raises like ``answer``."""
    led: Ref | str = _lookup(MEDIA, name)(user, given)
    return led


def address(name: str, given: Params) -> str:
    """Path and query of a request, as `request` of channel.js builds them: the key of saved responses."""
    rest = dict(given)
    path = name.partition(" ")[2]
    for key in [key for key in rest if f"{{{key}}}" in path]:
        path = path.replace(f"{{{key}}}", quote(str(rest.pop(key)), safe=""))
    return f"{path}?{urlencode(rest)}" if rest else path


def described(ref: Ref, delivery: Delivery | None = None) -> dict[str, Any]:
    """The data with which a browser reads an artifact, or its delivery, by byte ranges."""
    if delivery is None:
        return {"sha256": ref.sha256, "mediaType": served_type(ref), "sizeBytes": ref.size_bytes}
    return {"sha256": delivery.sha256, "mediaType": served_type(ref), "sizeBytes": delivery.path.stat().st_size}


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


def _lookup(requests: Mapping[str, Any], name: str) -> Any:
    if name not in requests:
        raise WorkbenchError(
            "request.not_found",
            "widgets cannot send this request",
            where="name",
            seen=name[:200],
            allowed=sorted(requests),
            remedy="Use the HTTP API or the Python API.",
        )
    return requests[name]
