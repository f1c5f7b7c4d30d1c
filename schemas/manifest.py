"""Manifests of inputs: one row per item, for sweeps over inputs and for datasets."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from schemas.base import Contract

MAX_ITEMS = 10_000


class ManifestItem(Contract):
    """One row: what it gives to the inputs of a pipeline."""

    id: str = Field(min_length=1, max_length=200, description="Names it in tables; unique in its manifest.")
    values: dict[str, Any] = Field(
        description="Input, or node.parameter -> value. A file is a path, relative to the manifest, or a digest."
    )


class Manifest(Contract):
    """The rows of a .jsonl, .csv or .yaml file, in order."""

    items: list[ManifestItem] = Field(min_length=1, max_length=MAX_ITEMS)
