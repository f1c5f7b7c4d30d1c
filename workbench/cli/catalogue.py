"""``workbench nodes``, ``pipelines``, ``capabilities`` and ``schemas``: lists of what is installed and available."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import WorkbenchError
from workbench.cli.output import ExitCode, Json, command, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from schemas.capability import ServiceManifest

schemas_group = typer.Typer(name="schemas", no_args_is_help=True, help="The contract as JSON Schema.")


@command
def nodes(
    service: Annotated[str | None, typer.Argument(help="Show the details of this service.")] = None,
    find: Annotated[
        str, typer.Option(metavar="WORD", help="List services with this word in name, title, category or tags.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List the installed services, or show the parameters, inputs and outputs of one."""
    from nodes.manifest import manifests
    from nodes.registry import services

    found = manifests(services())
    if service is None:
        found = [item for item in found if find.lower() in " ".join(_names(item)).lower()]
        if as_json:
            print_json(found)
            return
        rows = [
            (*_names(item)[:3], item.version, item.plane.value, item.pool, "yes" if item.available else "no", item.doc)
            for item in sorted(found, key=lambda item: (item.category, item.service))
        ]
        columns = ("service", "title", "category", "version", "plane", "pool", "here", "description")
        print_table(columns, rows, {"no": "yellow"})
        return
    one = next((item for item in found if item.service == service), None)
    if one is None:
        raise WorkbenchError(
            "graph.unknown_service",
            f"no service {service} is installed",
            seen=service,
            allowed=[item.service for item in found],
            remedy="`workbench nodes` lists the services.",
        )
    if as_json:
        print_json(one)
        return
    print(f"{one.title}: {one.service} {one.version} ({one.plane.value} plane, pool {one.pool})")
    print(", ".join((one.category, *one.tags)))
    print(services()[service].doc)
    made_of = (("code", one.code), ("weights", one.weights), ("packages", " ".join(one.packages)))
    print("\nidentity")
    print_table(("part", "identity"), [(part, value or "none") for part, value in made_of])
    if not one.available:
        print(f"\nnot available here: {one.missing}")
    for title, schema in (("parameters", one.params), ("inputs", one.inputs), ("outputs", one.outputs)):
        print(f"\n{title}")
        fields = [
            _line(name, field, schema.get("required", [])) for name, field in schema.get("properties", {}).items()
        ]
        if fields:
            print_table(("name", "type", "default", "description"), fields)
        else:
            print("none")


@command
def pipelines(as_json: Json = False) -> None:
    """List the pipelines."""
    from schemas.pipeline import InputUse
    from workbench.pipelines.registry import pipelines as installed

    if as_json:
        print_json([item.view() for item in installed().values()])
        return
    rows = [
        (
            item.name,
            ", ".join(item.used_as(InputUse.NEEDED)) or "–",
            "; ".join(" | ".join(group) for group in item.groups) or "–",
            ", ".join(item.used_as(InputUse.OPTIONAL)) or "–",
            ", ".join(sorted(item.optional)) or "–",
            item.doc,
        )
        for item in installed().values()
    ]
    print_table(("pipeline", "needs", "one of", "optional", "optional steps", "description"), rows)


@command
def capabilities(as_json: Json = False) -> None:
    """List the services that workers provide. Exit code 4 if a plane has no worker or services are missing."""
    from workbench.client.capabilities import announced_capabilities, complete

    with connect().asking_bus() as bus:
        answer = announced_capabilities(bus)
    if as_json:
        print_json(answer)
    else:
        rows = [
            (
                item.service,
                item.version,
                item.plane.value,
                ", ".join(answer.offered_by.get(item.service, [])) or "none",
                answer.missing.get(item.service, ""),
            )
            for item in answer.services
        ]
        print_table(("service", "version", "plane", "workers", "missing"), rows, {"none": "yellow"})
    if not complete(answer):
        raise typer.Exit(ExitCode.FINDINGS)


@schemas_group.command()
@command
def export(folder: Annotated[Path, typer.Argument(help="Folder for the JSON Schemas.")] = Path("schemas/json")) -> None:
    """Write the JSON Schema of every model of the contract."""
    from schemas.export import export_schemas

    written = export_schemas(folder)
    print(f"{len(written)} schemas in {folder}")


@schemas_group.command()
@command
def check(folder: Annotated[Path, typer.Argument(help="Folder of the JSON Schemas.")] = Path("schemas/json")) -> None:
    """Compare the JSON Schemas with the models. Exit code 4 if they differ."""
    from schemas.export import stale_schemas

    stale = stale_schemas(folder)
    for name in stale:
        print(f"differs: {folder / name}")
    if stale:
        print("remedy: workbench schemas export")
        raise typer.Exit(ExitCode.FINDINGS)
    print("the schemas match the models")


def _names(item: ServiceManifest) -> tuple[str, ...]:
    """The texts that --find searches."""
    return item.service, item.title, item.category, *item.tags


def _line(name: str, field: dict[str, Any], required: list[str]) -> tuple[str, str, Any, str]:
    from schemas.bounds import bounds_in_words

    default = "required" if name in required else field.get("default", "")
    kind = bounds_in_words(field) + (", in parts" if field.get("inParts") else "")
    return name, kind, default, field.get("description", "")
