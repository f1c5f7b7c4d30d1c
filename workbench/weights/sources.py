"""Where each file of a model is asked for, and with which credentials."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from nodes.catalogue import Model, ModelFile
from schemas.errors import WorkbenchError

HUGGING_FACE = "https://huggingface.co"


@dataclass(frozen=True)
class Place:
    """The address of a file.

    Attributes:
        url: http(s), or empty if `folder` has the file.
        has_terms: the host gives some files only to accounts that accepted their terms.
        token: a bearer token for this host alone; a redirect to another host goes without it.
    """

    url: str = ""
    folder: Path | None = None
    has_terms: bool = False
    token: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """For messages: without the password that a mirror's URL can have."""
        return str(self.folder) if self.folder else _without_password(self.url)


def place_of(model: Model, file: ModelFile, mirror: str = "") -> Place:
    """The address of a file: at the mirror if there is one, else at the model's source.

    ``HF_ENDPOINT`` replaces the host of Hugging Face, and ``HF_TOKEN`` is sent to that host, as its own tools do.
    """
    if mirror.startswith(("http://", "https://")):
        return Place(url=f"{mirror.rstrip('/')}/{model.name}/{quote(file.path)}")
    if mirror:
        return Place(folder=_mirror_folder(mirror) / model.name / file.path)
    origin = quote(file.origin or file.path)
    if model.source.url:
        return Place(url=model.source.url + origin)
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUGGING_FACE
    repository, revision = model.source.huggingface, model.source.revision
    url = f"{endpoint}/{repository}/resolve/{revision}/{origin}"
    return Place(url=url, has_terms=True, token=os.environ.get("HF_TOKEN", ""))


def source_of(model: Model, mirror: str = "") -> str:
    """The source for the record."""
    return _without_password(mirror) or model.source.url or f"{HUGGING_FACE}/{model.source.huggingface}"


def _without_password(url: str) -> str:
    return re.sub(r"(?<=//)[^/@]+@", "", url, count=1)


def _mirror_folder(mirror: str) -> Path:
    folder = Path(mirror).expanduser().absolute()
    if not folder.is_dir():
        raise WorkbenchError(
            "settings.invalid",
            "the mirror of models is neither a URL nor a folder",
            where="WORKBENCH_MODELS_MIRROR, or --mirror",
            seen=mirror,
            allowed="an http(s):// URL or a folder, which has a folder of files for each model",
            remedy="Correct the mirror, or unset it to fetch from the sources.",
        )
    return folder
