"""The calls of earlier clients, unchanged. Internally they do the same as POST /api/jobs."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import ValidationError

from schemas.api import (
    MAX_TEXT,
    EarlierAnswer,
    InfiniteTalkData,
    JobRequest,
    TrainMode,
    TrainRequest,
)
from schemas.errors import WorkbenchError
from schemas.problem import invalid
from schemas.refs import Ref
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, multipart_form, refusals
from workbench.app.api.jobs import Key, submit_for
from workbench.app.api.planning import InTurn
from workbench.app.error_responses import SEE_DOCS
from workbench.app.uploads.multipart import Form, ReceivedFile
from workbench.app.uploads.receiving import THREADS, receive
from workbench.app.uploads.request_folder import folder_of_request
from workbench.client.access import User, need_runner
from workbench.client.deployment import Deployment
from workbench.client.inspection.limits import Limits
from workbench.client.job_api import accepted_answer
from workbench.client.uploads import keep_upload

router = APIRouter(tags=["earlier clients"], route_class=StrictRoute)

_FILES = {"image_file": ("portrait", "image"), "audio_file": ("voice", "audio")}  # field -> option, kind
_RECORDED = ("experiment", "lane", "consent")  # options that describe the job, not the pipeline
_FORM = multipart_form(
    {
        "image_file": {"type": "string", "format": "binary", "description": "The portrait."},
        "audio_file": {"type": "string", "format": "binary", "description": "A sample of the voice."},
        "data": {"type": "string", "description": 'JSON: {"prompt": …, "refText": …, "consent": {"given": true}}.'},
    },
    required=["image_file", "audio_file", "data"],
)


@router.post(
    "/api/infinitetalk",
    status_code=202,
    response_model=EarlierAnswer,
    summary="Make a video with InfiniteTalk from a portrait, a voice and a prompt",
    responses=refusals(403, 413, 415, 422, 429),
    openapi_extra=_FORM,
)
async def infinitetalk(request: Request, user: CurrentUser) -> Any:
    """The pipeline `infinitetalk`: it writes a text for the prompt and speaks it in the voice of the recording.

    Without `refText` it transcribes the recording. The files are checked like those of POST /api/uploads.
    """
    need_runner(user)
    deployment: Deployment = request.app.state.deployment
    async with folder_of_request(deployment.settings.home) as folder:
        limits = Limits.of(deployment.settings)
        form = await receive(request, folder, limits, field=tuple(_FILES), files=2, texts={"data": 8 * MAX_TEXT})
        return await to_thread.run_sync(partial(_from_form, deployment, user, form), limiter=THREADS)


def _from_form(deployment: Deployment, user: User, form: Form) -> EarlierAnswer:
    received = {file.field: file for file in form.files}
    missing = [name for name in _FILES if name not in received] + (["data"] if "data" not in form.texts else [])
    if missing:
        raise WorkbenchError(
            "request.invalid",
            f"the form has no {missing[0]}",
            where=missing[0],
            seen=sorted([*received, *form.texts]),
            allowed=[*_FILES, "data"],
            remedy="Send all three fields as multipart/form-data.",
        )
    data = _data(form.texts["data"])
    files = {option: _kept(deployment, user, received[field], kind) for field, (option, kind) in _FILES.items()}
    options = {"prompt": data.prompt, "refText": data.ref_text, **files}
    return _submitted(deployment, user, JobRequest(pipeline="infinitetalk", options=options, consent=data.consent))


def _kept(deployment: Deployment, user: User, file: ReceivedFile, kind: str) -> Ref:
    """Check and store an uploaded file. Raises WorkbenchError: upload.*"""
    ref: Ref = keep_upload(deployment, file.path, owner=user.name, kind=kind, name=file.name).ref
    return ref


@router.post(
    "/api/train",
    status_code=202,
    summary="Submit a pipeline by name, or a graph",
    responses=refusals(403, 404, 409, 413, 422, 429),
    dependencies=[InTurn],
)
def train(asked: TrainRequest, deployment: TheDeployment, user: CurrentUser, key: Key = None) -> EarlierAnswer:
    """`fixed_graph`: `variant` names a pipeline, `params` are by node id. `process_graph`: `params` holds a `graph`."""
    return _submitted(deployment, user, _job_request(asked), key)


def _job_request(asked: TrainRequest) -> JobRequest:
    """The same request in the form of POST /api/jobs. Raises WorkbenchError (request.invalid)."""
    options = dict(asked.options)
    how: dict[str, Any] = {name: options.pop(name) for name in _RECORDED if name in options}
    if asked.mode is TrainMode.PROCESS_GRAPH:
        surplus = sorted([*options, *(["variant"] if asked.variant else []), *(["prompt"] if asked.prompt else [])])
        surplus += [f"params.{name}" for name in sorted(asked.params) if name != "graph"]
        if surplus or "graph" not in asked.params:
            raise WorkbenchError(
                "request.invalid",
                f"{surplus[0]} belongs to fixed_graph" if surplus else "process_graph needs params.graph",
                where=surplus[0] if surplus else "params.graph",
                allowed="params: {graph: …}, and experiment, lane and consent in options",
                remedy="Put all parameters of the nodes into the graph.",
            )
        fields: dict[str, Any] = {"graph": asked.params["graph"], **how}
    else:
        given = {**options, **({"prompt": asked.prompt} if asked.prompt else {})}
        fields = {"pipeline": asked.variant or None, "options": given, "params": asked.params, **how}
    try:
        return JobRequest.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, "request.invalid", remedy=SEE_DOCS) from None


def _submitted(deployment: Deployment, user: User, asked: JobRequest, key: str | None = None) -> EarlierAnswer:
    accepted = accepted_answer(deployment, submit_for(deployment, user, asked, key))
    return EarlierAnswer(**accepted.model_dump(include=set(EarlierAnswer.model_fields)))


def _data(text: str) -> InfiniteTalkData:
    try:
        return InfiniteTalkData.model_validate_json(text)
    except ValidationError as error:
        raise invalid(error, "request.invalid", where="data", remedy=SEE_DOCS) from None
