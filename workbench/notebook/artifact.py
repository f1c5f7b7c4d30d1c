"""An artifact in a notebook: it displays itself by its URL, and provides its bytes as a file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.refs import Ref
from workbench.client.delivery.deliver import save
from workbench.client.deployment import Deployment
from workbench.notebook.display import show_as
from workbench.notebook.static_html import artifact_html, artifact_text, link_to

if TYPE_CHECKING:
    from workbench.notebook.widgets.artifact_view import ArtifactView


class Artifact:
    """One file of the object store.

    Args:
        named: whether a job refers to it; the page shows only those artifacts.
    """

    def __init__(self, deployment: Deployment, ref: Ref, *, named: bool = True) -> None:
        self._deployment = deployment
        self.ref = ref
        self.named = named

    @property
    def kind(self) -> str:
        """image, audio, video, json, text or file."""
        return self.ref.kind

    @property
    def url(self) -> str:
        """A link that expires after a week.

        The page shows the artifact permanently; a notebook may link to it, not embed it.
        """
        return link_to(self._deployment, self.ref)

    @property
    def path(self) -> Path:
        """A local, read-only copy of the stored bytes, for further work. ``save`` makes a file to give away."""
        return self._deployment.open(self.ref)

    def save(self, target: str | Path) -> Path:
        """Save it as the given file, which is never incomplete. Media that a job made is signed as synthetic.

        The file then has another digest than the artifact. A warning says if media cannot be signed.
        """
        saved = save(self._deployment, self.ref, Path(target).expanduser())
        if saved.unsigned_because:
            warnings.warn(f"{saved.path} is not signed as synthetic: {saved.unsigned_because}", stacklevel=2)
        return saved.path

    def read_bytes(self) -> bytes:
        """Its bytes."""
        return self.path.read_bytes()

    def read_text(self) -> str:
        """Its text, decoded from UTF-8."""
        return self.path.read_text(encoding="utf-8")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and self.ref.sha256 == other.ref.sha256

    def __hash__(self) -> int:
        return hash(self.ref.sha256)

    def __repr__(self) -> str:
        return artifact_text(self.ref)

    def view(self, title: str = "") -> ArtifactView:
        """A widget that displays it, for a layout."""
        from workbench.notebook.widgets.artifact_view import ArtifactView  # needs optional packages

        return ArtifactView(self._deployment, self.ref, title, named=self.named)

    def _ipython_display_(self) -> None:
        show_as(self.view)

    def _repr_html_(self) -> str:
        return artifact_html(self._deployment, self.ref)
