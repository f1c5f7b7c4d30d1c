"""A file for a job: by its path, or uploaded from where the browser is."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import Any

import ipywidgets as w

from schemas.refs import Ref
from workbench.notebook.widgets.fields import CONTROL_WIDTH, LABEL_WIDTH, Problem

ACCEPTED = {"image": "image/png,image/jpeg,image/webp", "audio": "audio/*", "video": "video/*"}
# An upload is one message to the kernel, and JupyterLab closes the connection at one that is too long, without a word.
LARGE = "Files of more than some megabytes are given by their path"


class FileField:
    """One file option. An uploaded file takes the place of a path, and the other way round."""

    def __init__(self, name: str, kind: str, title: str, help_: str) -> None:
        self.name = name
        self.kind = kind
        hint = "a path, or sample" if kind == "image" else "a path"
        self.path = w.Text(placeholder=hint, tooltip=f"{help_}. {LARGE}", layout=w.Layout(width="214px"))
        self.upload = w.FileUpload(
            accept=ACCEPTED[kind],
            multiple=False,
            tooltip=f"{help_}, from this computer. {LARGE}",
            layout=w.Layout(width="112px"),
        )
        self.problem = Problem()
        self._taken = w.HTML()
        both = w.HBox([self.path, self.upload], layout=w.Layout(width=CONTROL_WIDTH))
        head = w.HTML(f"<span>{title}</span>", layout=w.Layout(width=LABEL_WIDTH))
        self.widget = w.HBox([head, both, self._taken, self.problem.widget])
        self.upload.observe(self._uploaded, "value")
        self.path.observe(self._typed, "value")

    @property
    def given(self) -> bool:
        return bool(self.upload.value or self.path.value.strip())

    def ref(self, workbench: Any) -> Ref | None:
        """The reference once it is in the object store; None where nothing is given. Raises WorkbenchError."""
        if self.upload.value:
            file = self.upload.value[0]
            with tempfile.TemporaryDirectory(prefix="workbench-form-") as folder:
                local = Path(folder) / Path(file["name"]).name
                local.write_bytes(file["content"])
                uploaded: Ref = workbench.upload(local, self.kind)
                return uploaded
        text = self.path.value.strip()
        return workbench.upload(Path(text).expanduser() if text != "sample" else text, self.kind) if text else None

    def _uploaded(self, _: Any) -> None:
        if self.upload.value:
            self.path.value = ""
            file = self.upload.value[0]
            self._taken.value = html.escape(f"{file['name']}, {file['size'] / 1000:.0f} kB")
        self.problem.say("")

    def _typed(self, _: Any) -> None:
        if self.path.value.strip() and self.upload.value:
            self.upload.value = ()
            self._taken.value = ""
        self.problem.say("")
