"""Manifests of the services in this environment, which workers report and front ends show."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from nodes.sdk import NodeDeclaration
from schemas.capability import ServiceManifest
from schemas.errors import WorkbenchError


def manifests(declared: Mapping[str, NodeDeclaration]) -> list[ServiceManifest]:
    """A manifest for each service, with the reason if it cannot run here."""
    found = []
    for declaration in declared.values():
        code, weights, missing = "", "", ""
        packages: tuple[str, ...] = ()
        try:
            code = declaration.code
            weights = declaration.weights
            packages = declaration.versions
        except WorkbenchError as error:
            missing = f"{error.message} — {error.remedy}"
        found.append(
            ServiceManifest(
                service=declaration.service,
                version=declaration.version,
                title=declaration.title,
                category=declaration.category,
                tags=list(declaration.tags),
                plane=declaration.plane,
                pool=declaration.pool,
                doc=declaration.doc.strip().splitlines()[0] if declaration.doc else "",
                seeded=declaration.seeded,
                cache=declaration.cache,
                asks=declaration.asks,
                gpu=declaration.resources.gpu,
                vram_gib=declaration.resources.vram_gib,
                timeout_s=declaration.resources.timeout_s,
                code=code,
                weights=weights,
                packages=list(packages),
                models=list(declaration.models),
                available=not missing,
                missing=missing,
                metrics=list(declaration.metrics),
                params=params_schema(declaration),
                inputs=_marked(_schema(declaration.inputs), inParts=declaration.in_parts),
                outputs=_marked(_schema(declaration.outputs), inParts=declaration.made_in_parts),
            )
        )
    return sorted(found, key=lambda item: item.service)


def params_schema(declaration: NodeDeclaration) -> dict[str, Any]:
    """JSON Schema of the parameters. Those that forms hide by default have ``advanced``."""
    return _marked(_schema(declaration.params), advanced=declaration.advanced)


def _marked(schema: dict[str, Any], **marks: Collection[str]) -> dict[str, Any]:
    """The schema with marks for some of its fields: ``{"advanced": true}``."""
    marked = {name: {mark: True} for mark, names in marks.items() for name in names}
    if not marked:
        return schema
    fields = schema["properties"]
    return {**schema, "properties": {**fields, **{name: fields[name] | mark for name, mark in marked.items()}}}


@lru_cache(maxsize=1024)  # pages ask for the manifests every few seconds, and 40 services take 0.1 s of CPU time
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model. Not to be changed, because all callers share it."""
    return model.model_json_schema()
