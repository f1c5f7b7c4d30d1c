"""``workbench upload``: a file becomes an artifact that a graph can name."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import command, print_json


def register(app: typer.Typer) -> None:
    """Add the command that stores a file."""
    app.command()(upload)


@command
def upload(
    file: Annotated[Path, typer.Argument(help="The file; `sample` for the packaged portrait.")],
    kind: Annotated[str, typer.Option(help="image, audio, video, json, text or file; default: by its name.")] = "",
) -> None:
    """Put a file into the object store and print the reference that a graph's input takes."""
    from schemas.errors import WorkbenchError
    from schemas.refs import REF_TYPES
    from workbench.cli.run import connect
    from workbench.client.samples import portrait_file

    bench = connect(start=True, quiet=True)
    path = portrait_file(file, bench.settings.home)
    kind = kind or _kind_of(path)
    if kind not in REF_TYPES:
        raise WorkbenchError(
            "settings.invalid", "there is no such kind of artifact", where="--kind", seen=kind, allowed=list(REF_TYPES)
        )
    print_json(bench.upload(path, kind))


def _kind_of(path: Path) -> str:
    media_type = mimetypes.guess_type(path.name)[0] or ""
    if media_type == "application/json":
        return "json"
    family = media_type.partition("/")[0]
    return family if family in ("image", "audio", "video", "text") else "file"
