"""The pipelines as a notebook lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.pipeline import OptionUse
from workbench.client.pipelines import find_pipeline
from workbench.notebook.tables import html_table
from workbench.workflows import OPTION_NAMES, PIPELINES, Pipeline


class Pipelines(Mapping[str, Pipeline]):
    """By name. An unknown name raises WorkbenchError (pipeline.unknown) with the ones that are near."""

    def __getitem__(self, name: str) -> Pipeline:
        return find_pipeline(name)

    def __contains__(self, name: object) -> bool:
        return name in PIPELINES

    def __iter__(self) -> Iterator[str]:
        return iter(PIPELINES)

    def __len__(self) -> int:
        return len(PIPELINES)

    def _rows(self) -> list[dict[str, str]]:
        rows = []
        for pipeline in PIPELINES.values():
            uses: dict[OptionUse, list[str]] = {}
            for name in OPTION_NAMES:
                uses.setdefault(pipeline.use(name), []).append(name)
            rows.append(
                {
                    "pipeline": pipeline.name,
                    "what it does": pipeline.doc,
                    "needs": ", ".join(uses.get(OptionUse.NEEDED, [])),
                    "one of": ", ".join(uses.get(OptionUse.ONE_OF, [])),
                    "may take": ", ".join(uses.get(OptionUse.OPTIONAL, [])),
                    "nodes": " → ".join(step.id for step in pipeline.steps),
                }
            )
        return rows

    def __repr__(self) -> str:
        return "\n".join(f"{row['pipeline']:<16} {row['what it does']}" for row in self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows())
