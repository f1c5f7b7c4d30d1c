"""Runs and videos side by side in notebooks and scripts: ``wb.compare(job, job, "real.mp4")``."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.comparison import Comparison
from schemas.refs import Ref
from workbench.client.access import LOCAL
from workbench.client.comparison.chosen import choose
from workbench.client.comparison.compare import compare
from workbench.client.comparison.export import export, still
from workbench.client.comparison.outside import given_names
from workbench.client.comparison.tables import tables_html
from workbench.client.deployment import Deployment
from workbench.notebook.artifact import Artifact
from workbench.notebook.display import show_as
from workbench.notebook.job import Job
from workbench.notebook.tables import Table

if TYPE_CHECKING:
    from workbench.notebook.widgets.video_compare import VideoCompareView

Given = Job | Artifact | Ref | Path | str


class VideoCompare:
    """2 to 9 videos side by side: a player in JupyterLab, stills and tables without a kernel.

    Attributes:
        names: of the videos, as ``workbench compare`` takes them.
        found: what differs, the metrics, and notes.
    """

    def __init__(self, deployment: Deployment, given: Sequence[Given]) -> None:
        self._deployment = deployment
        self.names = given_names(deployment, [_name(one) for one in given])
        self.found: Comparison = compare(deployment, LOCAL, self.names)

    @property
    def differences(self) -> Table:
        """Only the parameters, inputs and parts in which the runs differ."""
        heads = [video.label for video in self.found.videos]
        rows = [{"name": one.name, **dict(zip(heads, one.values, strict=True))} for one in self.found.differences]
        return Table(rows)

    @property
    def metrics(self) -> Table:
        """The metrics, with the label of the best video."""
        heads = [video.label for video in self.found.videos]
        return Table(
            [
                {
                    "metric": one.name,
                    **dict(zip(heads, one.values, strict=True)),
                    "better": one.better,
                    "best": ", ".join(heads[at] for at in one.best),
                }
                for one in self.found.metrics
            ]
        )

    def to_html(self, path: str | Path, *, title: str = "") -> Path:
        """Write one file with the player and signed copies of the videos, which opens without a network."""
        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.with_name(f".{target.name}.part")
        staging.write_text(export(self._deployment, LOCAL, self.names, title=title).text, encoding="utf-8")
        return staging.replace(target)

    def static_html(self) -> str:
        """Stills and tables, without kernel and scripts."""
        figures = []
        for name, video in zip(self.names, self.found.videos, strict=True):
            picture = still(self._deployment, choose(self._deployment, LOCAL, name))
            label = html.escape(video.label)
            drawn = f'<img src="{picture}" alt="{label}">' if picture else f"<p>{html.escape(video.missing)}</p>"
            figures.append(f'<figure style="margin:0">{drawn}<figcaption>{label}</figcaption></figure>')
        return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{"".join(figures)}</div>{tables_html(self.found)}'

    def _ipython_display_(self) -> None:
        show_as(self._view)

    def _view(self) -> VideoCompareView:
        from workbench.notebook.widgets.video_compare import VideoCompareView  # needs optional packages

        return VideoCompareView(self._deployment, self.found, self.static_html, repr(self))

    def _repr_html_(self) -> str:
        return self.static_html()

    def __repr__(self) -> str:
        return f"<VideoCompare {' | '.join(video.label for video in self.found.videos)}>"


def _name(given: Given) -> str | Path:
    if isinstance(given, Job):
        return given.id
    if isinstance(given, Artifact):
        return given.ref.sha256
    return given.sha256 if isinstance(given, Ref) else given
