"""The pipelines, as a notebook lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.pipeline import InputUse
from workbench.notebook.tables import html_table
from workbench.pipelines.registry import find_pipeline, pipelines
from workbench.pipelines.sdk import Pipeline


class Pipelines(Mapping[str, Pipeline]):
    """The pipelines by name. An unknown name raises WorkbenchError (pipeline.unknown) with similar names."""

    def __getitem__(self, name: str) -> Pipeline:
        return find_pipeline(name)

    def __contains__(self, name: object) -> bool:
        return name in pipelines()

    def __iter__(self) -> Iterator[str]:
        return iter(pipelines())

    def __len__(self) -> int:
        return len(pipelines())

    def _rows(self) -> list[dict[str, str]]:
        return [
            {
                "pipeline": one.name,
                "what it does": one.doc,
                "needs": ", ".join(one.used_as(InputUse.NEEDED)),
                "one of": "; ".join(", ".join(group) for group in one.groups),
                "may take": ", ".join(one.used_as(InputUse.OPTIONAL)),
                "nodes": " → ".join(step.id for step in one.steps),
            }
            for one in pipelines().values()
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{row['pipeline']:<16} {row['what it does']}" for row in self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows())
