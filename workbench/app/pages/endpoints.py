"""The main calls for ``gradio_client``: the same functions as in the HTTP API, with named endpoints.

    from gradio_client import Client, handle_file

    client = Client("http://127.0.0.1:7860", headers={"Authorization": f"Bearer {token}"})  # from `workbench token`
    portrait = client.predict(handle_file("me.png"), api_name="/upload")
    job = client.predict("talking_head", {"portrait": portrait["ref"]["sha256"], "script": "Hello."}, {}, "workbench",
                         api_name="/submit")
    client.predict(job["jobId"], api_name="/status")

The text of an exception contains what, where, seen, allowed and remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api
from pydantic import BaseModel

from schemas.errors import WorkbenchError
from workbench.app.api import jobs
from workbench.app.pages.request_user import request_user
from workbench.client.access import need_runner
from workbench.client.consent_records import said_by
from workbench.client.deployment import Deployment
from workbench.client.describe import describe_pipelines
from workbench.client.submit import job_request
from workbench.client.uploads import keep_upload


def add_endpoints(deployment: Deployment) -> None:
    """Call it inside the Blocks."""

    def upload(path: str, request: gr.Request) -> dict[str, Any]:
        user = request_user(request)
        need_runner(user)
        return _json(keep_upload(deployment, Path(path), owner=user.name))

    def submit(
        pipeline: str,
        options: dict[str, Any],
        params: dict[str, Any],
        experiment: str,
        request: gr.Request,
        consent: str | None = None,
    ) -> dict[str, Any]:
        """Submit a pipeline. Options name files by the digests that /upload returned.

        Args:
            consent: the name of who states that the people in the files agreed.
        """
        recorded = {"experiment": experiment or "workbench", "consent": said_by(consent)}
        asked = job_request(pipeline=pipeline, options=options, params=params, **recorded)
        return _json(jobs.submit_job(asked, deployment, request_user(request)))

    def status(job_id: str, request: gr.Request) -> dict[str, Any]:
        """Status and progress of a job."""
        return _json(jobs.job_status(job_id, deployment, request_user(request)))

    def artifacts(job_id: str, request: gr.Request) -> dict[str, Any]:
        """Input and output files of a job, with the path of each on this server."""
        return _json(jobs.job_artifacts(job_id, deployment, request_user(request)))

    def cancel(job_id: str, request: gr.Request) -> dict[str, Any]:
        """Stop a job."""
        return _json(jobs.cancel_job(job_id, deployment, request_user(request)))

    def pipelines(request: gr.Request) -> list[dict[str, Any]]:
        """The pipelines, their options and parameters, and whether workers provide them."""
        return [_json(entry) for entry in describe_pipelines(deployment, request_user(request).name)]

    for call in (submit, status, artifacts, cancel, pipelines):
        api(with_gradio_errors(call), api_name=call.__name__, queue=False)
    # A component takes the file, so that it uses the same upload route as the page.
    file = gr.File(type="filepath", visible=False)
    gr.Button(visible=False).click(
        with_gradio_errors(upload), file, gr.JSON(visible=False), api_name="upload", queue=False
    )


def with_gradio_errors(call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, with WorkbenchError converted to ``gr.Error``, which Gradio sends to clients."""

    @wraps(call)
    def converting(*values: Any, **named: Any) -> Any:
        try:
            return call(*values, **named)
        except WorkbenchError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return converting


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True)
