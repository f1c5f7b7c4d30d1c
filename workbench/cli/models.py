"""``workbench models …``: the weights that services need. Lists, fetches, verifies, imports and removes them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal as size_text

from schemas.errors import WorkbenchError
from workbench.cli.confirmation import confirm
from workbench.cli.output import ExitCode, Json, command, note, print_json, print_table

if TYPE_CHECKING:
    from nodes.catalogue import Catalogue, Licence, Model
    from workbench.settings import Settings
    from workbench.weights.folder import ModelFolder

group = typer.Typer(name="models", no_args_is_help=True, help="Models: list, fetch, verify, import, remove.")
Accept = Annotated[bool, typer.Option("--accept-licence", help="Accept the licences without a question.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="Models; `workbench models list` lists them.")]
_STYLES = {"installed": "green", "damaged": "red", "partial": "yellow", "missing": "dim"}


@group.command("list")
@command
def list_(
    service: Annotated[str, typer.Option("--for", metavar="SERVICE", help="Only models for this service.")] = "",
    as_json: Json = False,
) -> None:
    """List the models of the catalogue and those that are installed."""
    _, folder, catalogue = _opened()
    rows = [row for row in _rows(folder, catalogue) if not service or service in row["services"]]
    if as_json:
        print_json({"folder": str(folder.root), "models": rows})
        return
    columns = ("model", "size", "state", "licence", "title")
    if not sys.stdout.isatty():
        print_table((*columns, "services"), [(*_cells(row), ", ".join(row["services"])) for row in rows])
        return
    # One table for the models of the same services: their names are too long for a column.
    by_services: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_services.setdefault(", ".join(row["services"]) or "for no service in particular", []).append(row)
    for services, some in by_services.items():
        print(services)
        print_table(columns, [_cells(row) for row in some], _STYLES, wide=("title",))
        print()
    note(f"in {folder.root}")


@group.command()
@command
def fetch(
    names: Names = None,
    all_for: Annotated[
        list[str] | None, typer.Option("--all-for", metavar="SERVICE", help="All models for this service. Repeatable.")
    ] = None,
    accept_licence: Accept = False,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL|DIR", help="Fetch from here, in the layout of a folder of models. Empty: the source."
        ),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Requests at the same time.")] = 4,
    as_json: Json = False,
) -> None:
    """Download models. An interrupted download goes on where it was. HF_TOKEN opens repositories with terms."""
    from workbench.terminal.downloads import DownloadScreen
    from workbench.weights.download import Limits
    from workbench.weights.fetch import Fetch, licence_error

    settings, folder, catalogue = _opened()
    models = _chosen(catalogue, names or [], all_for or [])
    source = settings.models_mirror if mirror is None else mirror
    with DownloadScreen(visible=not as_json) as screen:
        work = Fetch(folder, screen, source, Limits(parallel=parallel))
        if asked := work.unaccepted(models):
            accepted_at = _accept(asked, accept_licence)
            if accepted_at is None:
                raise licence_error(asked)
            work = Fetch(folder, screen, source, work.limits, accepted_at)
        try:
            done = work.run(models)
        except KeyboardInterrupt:
            again = " ".join(one.name for one in models)
            print(f"\nWhat was downloaded is kept. `workbench models fetch {again}` goes on.", file=sys.stderr)
            raise
    if as_json:
        print_json({"models": [{**_json(one), "folder": str(folder.of(one.name))} for one in done]})
        return
    for one in done:
        if one.already:
            print(f"{one.name} was installed already")
            continue
        print(f"{one.name} is installed ({size_text(one.bytes)}, digest {one.digest[:12]}…)")
        if one.first_recorded:
            count = len(one.first_recorded)
            files = "1 of its files" if count == 1 else f"{count} of its files"
            print(f"  No public source says the digest of {files}: those of this download are recorded and hold now.")


@group.command()
@command
def verify(names: Names = None, as_json: Json = False) -> None:
    """Read every byte of installed models and compare it with the records. Exit code 1 if anything differs."""
    from nodes.weights import installed
    from workbench.weights.verify import verify as verify_models

    _, folder, catalogue = _opened()
    found = verify_models(
        folder,
        catalogue,
        names or list(installed(folder.root)),
        lambda name, size: note(f"reading {name}, {size_text(size)}"),
    )
    if as_json:
        print_json({"models": [_json(one) for one in found]})
    for one in () if as_json else found:
        for difference in one.differences:
            print(f"{'/'.join(filter(None, (one.name, difference.path)))}: {difference.what}")
        if one.differences:
            print(f"  remedy: {one.remedy}")
        else:
            print(f"{one.name}: {one.files} files, {size_text(one.bytes)}, all right")
    if not (found or as_json):
        print("No models are installed. `workbench models list` shows which there are.")
    if any(one.differences for one in found):
        raise typer.Exit(ExitCode.FAILED)


@group.command("import")
@command
def import_(
    given: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="A folder of models, of one model, or a file.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the one model that it has.")] = "",
    services: Annotated[
        list[str] | None, typer.Option("--for", metavar="SERVICE", help="A service that can use it. Repeatable.")
    ] = None,
    accept_licence: Accept = False,
    as_json: Json = False,
) -> None:
    """Import models from a folder of models of another machine, or a diffusers folder or file of your own."""
    from workbench.weights import importing
    from workbench.weights.fetch import licence_error

    _, folder, catalogue = _opened()
    planned = importing.plan(given.expanduser().absolute(), catalogue, name)
    asked = [one.model for one in planned if one.model is not None and one.accepted_at is None]
    accepted_at = _accept(asked, accept_licence) if asked else None
    if asked and accepted_at is None:
        raise licence_error(asked)
    done = importing.run(folder, planned, accepted_at, services or [], lambda text: print(text, file=sys.stderr))
    if as_json:
        print_json({"models": [_json(one) for one in done]})
        return
    for one in done:
        how = ", ".join(one.how)
        print(
            f"{one.name} "
            + ("was installed already" if one.already else f"is imported ({size_text(one.bytes)}, {how})")
        )


@group.command()
@command
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove interrupted downloads, and models that neither the catalogue nor an import names."""
    from workbench.weights.collect import leftovers, remove

    _, folder, catalogue = _opened()
    found = leftovers(folder, catalogue)
    if not as_json and found:
        rows = [(one.kind.value, one.name, size_text(one.bytes)) for one in found]
        print_table(("kind", "name", "size"), rows)
    removed = []
    if found and not dry_run:
        confirm(f"Remove {'this' if len(found) == 1 else f'these {len(found)}'}?", yes)
        removed = remove(folder, found)
    if as_json:
        print_json({"found": [_json(one) for one in found], "removed": [one.name for one in removed]})
        return
    if not found:
        print("Nothing to remove.")
    else:
        verb, listed = ("would free", found) if dry_run else ("freed", removed)
        print(f"{verb} {size_text(sum(one.bytes for one in listed))}")


def _opened() -> tuple[Settings, ModelFolder, Catalogue]:
    from nodes.catalogue import load
    from workbench.settings import load_settings
    from workbench.weights.folder import ModelFolder

    settings = load_settings()
    return settings, ModelFolder(settings.models), load(settings.models)


def _chosen(catalogue: Catalogue, names: Sequence[str], services: Sequence[str]) -> list[Model]:
    """The models of a command line, each once."""
    models = {name: catalogue.get(name) for name in names}
    for service in services:
        found = catalogue.models_for(service)
        if not found:
            raise WorkbenchError(
                "model.unknown",
                "the catalogue has no model for this service",
                where="--all-for",
                seen=service,
                allowed=sorted({one for model in catalogue.models.values() for one in model.services}),
                remedy="`workbench models list` shows the services of each model.",
            )
        models |= {one.name: one for one in found}
    if not models:
        raise WorkbenchError(
            "model.unknown",
            "no model was named",
            where="workbench models fetch",
            allowed=sorted(catalogue.models),
            remedy="Name models, or all of a service: `workbench models fetch --all-for generate.svd`.",
        )
    return list(models.values())


def _accept(models: Sequence[Model], accepted: bool) -> float | None:
    """Show the licences and ask. Returns the time of the acceptance; None without a terminal and without the option."""
    of: dict[Licence, list[str]] = {}
    for model in models:
        of.setdefault(model.licence, []).append(model.name)
    for licence, names in of.items():
        print(f"{', '.join(names)}: {licence.title}\n  {licence.url}\n  {licence.says}", file=sys.stderr)
    if not accepted:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        if not typer.confirm(f"Do you accept {'this licence' if len(of) == 1 else 'these licences'}?", err=True):
            raise typer.Exit(ExitCode.FAILED)
    return time.time()


def _rows(folder: ModelFolder, catalogue: Catalogue) -> list[dict[str, Any]]:
    """A row for each model: first those of the catalogue, then those that only this machine has."""
    from nodes.weights import installed

    records = installed(folder.root)
    rows = []
    for name in [*catalogue.models, *(name for name in records if name not in catalogue.models)]:
        model, record = catalogue.models.get(name), records.get(name)
        licence = None
        if model is not None:
            licence = {"title": model.licence.title, "url": model.licence.url, "says": model.licence.says}
        elif record is not None and record.licence:
            licence = {"title": record.licence, "url": record.licence_url, "says": ""}
        size = sum(file.size_bytes for file in record.files.values()) if record else None
        if size is None and model is not None and model.sizes_known:
            size = model.known_bytes
        services = model.services if model else (record.model_extra or {}).get("services", []) if record else []
        rows.append(
            {
                "name": name,
                "title": model.title if model else record.title if record else "",
                "state": folder.state(name).value,
                "sizeBytes": size,
                "licence": licence,
                "acceptedAt": record.accepted_at if record else None,
                "services": list(services),
                "source": record.source if record else "",
                "revision": record.revision if record else model.source.revision if model else "",
                "digest": record.digest if record else "",
                "firstRecorded": list(record.first_recorded) if record else [],
                "gated": bool(model and model.gated),
                "own": record.own if record else False,
            }
        )
    return rows


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    size = size_text(row["sizeBytes"]) if row["sizeBytes"] else "unknown"
    return row["name"], size, row["state"], row["licence"]["title"] if row["licence"] else "", row["title"]


def _json(value: Any) -> dict[str, Any]:
    """A result as JSON: the fields of a dataclass in camelCase."""
    from dataclasses import asdict

    from pydantic.alias_generators import to_camel

    return {to_camel(key): item for key, item in asdict(value).items()}
