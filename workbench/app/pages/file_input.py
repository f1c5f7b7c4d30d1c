"""The input of a file: a Gradio component captures it, a JS component shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from schemas.errors import WorkbenchError
from workbench.app.pages.intake import take_again, take_in, take_sample
from workbench.app.pages.js_component import JsComponent, js_component
from workbench.app.pages.request_user import request_user
from workbench.client.access import User, need_runner
from workbench.client.deployment import Deployment

_HEIGHT_PX = 190
_FILE_HEIGHT_PX = 120
_FILES = ("portraits", "lora")


@dataclass(frozen=True)
class FileInput:
    """The components of one file input: the Gradio component, and the stored file with its reference."""

    source: gr.Image | gr.Audio | gr.Video | gr.File
    taken: JsComponent  # value: schemas.upload.Upload as JSON, or None
    sample: gr.Button | None
    frame: gr.Column


def file_input(
    deployment: Deployment,
    name: str,
    label: str,
    kind: str,
    elem_id: str,
    *,
    sample: bool = False,
    visible: bool = True,
) -> FileInput:
    """Create the components and their events. An event stores the file as an artifact of the deployment.

    Args:
        kind: image, audio, video, portraits or lora.
        sample: adds a button for the packaged portrait.
        visible: whether a new page shows it.
    """
    with gr.Column(min_width=220, elem_id=elem_id, elem_classes="wb-plain wb-file", visible=visible) as frame:
        if kind == "image":
            source: Any = gr.Image(
                label=label,
                type="filepath",
                image_mode=None,  # the upload is stored already; do not convert its copy
                sources=["upload", "clipboard", "webcam"],
                height=_HEIGHT_PX,
                buttons=[],
                elem_id=f"{name}-source",
                placeholder=f"Drop a {label.lower()} here, paste it, or click to choose",
            )
        elif kind == "video":
            source = gr.Video(
                label=label, sources=["upload", "webcam"], height=_HEIGHT_PX, buttons=[], elem_id=f"{name}-source"
            )
        elif kind in _FILES:
            # Without file_types: Gradio would refuse a file of another kind with a toast, instead of beside the field.
            # web/gradio_files.js knows the suffixes by the class.
            source = gr.File(
                label=label,
                type="filepath",
                height=_FILE_HEIGHT_PX,
                elem_id=f"{name}-source",
                elem_classes=f"wb-file-of-{kind}",
            )
        else:
            source = gr.Audio(
                label=label,
                type="filepath",
                sources=["upload", "microphone"],
                buttons=[],
                elem_id=f"{name}-source",
                elem_classes="wb-audio-source",
            )
        taken = js_component(
            "media", elem_id=f"{name}-taken", label=label, fixed={"kind": kind, "field": name, "title": label}
        )
        button = gr.Button(f"Use the sample {label.lower()}", size="sm", elem_id=f"{name}-sample") if sample else None

    shows = [source, taken, *([button] if button else [])]

    def stored(take: Callable[[User], Any], request: gr.Request, refused: Any) -> tuple[Any, ...]:
        """Updates that show the file that ``take`` stores instead of its source. After a refusal: the error, and the
        update ``refused`` of the source."""
        try:
            user = request_user(request)
            need_runner(user)
            shown, value = gr.update(value=None, visible=False), take(user)
        except WorkbenchError as error:
            shown, value = refused, {"error": error.info().model_dump(mode="json")}
        has_file = isinstance(value, dict) and "ref" in value
        return (shown, value, *([gr.update(visible=not has_file)] if button else []))

    def from_source(path: str | None, request: gr.Request) -> tuple[Any, ...]:
        if not path:
            return (gr.skip(), gr.skip(), *([gr.update(visible=True)] if button else []))
        return stored(
            lambda user: take_in(deployment, Path(path), kind, user), request, gr.update(value=None, visible=True)
        )

    def from_earlier(value: Any, request: gr.Request) -> tuple[Any, ...]:
        digest = value.get("again") if isinstance(value, dict) else None
        if not isinstance(digest, str):
            return tuple(gr.skip() for _ in shows)
        return stored(lambda user: take_again(deployment, digest, kind, user), request, gr.skip())

    def from_sample(request: gr.Request) -> tuple[Any, ...]:
        return stored(lambda user: take_sample(deployment, user), request, gr.skip())

    source.change(from_source, source, shows, api_visibility="private", show_progress="minimal")
    taken.select(from_earlier, taken, shows, api_visibility="private", show_progress="hidden")
    taken.clear(
        lambda: (gr.update(visible=True), None, *([gr.update(visible=True)] if button else [])),
        None,
        shows,
        api_visibility="private",
        show_progress="hidden",
    )
    if button:
        button.click(from_sample, None, shows, api_visibility="private", show_progress="minimal")
    return FileInput(source, taken, button, frame)
