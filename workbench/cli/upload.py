"""``workbench upload``: stores a file as an artifact that graphs can use."""

from __future__ import annotations

import mimetypes
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import WorkbenchError
from workbench.cli.output import command, note, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from workbench.client.deployment import Deployment

OWNER = "local"
_SUFFIXES = {".zip": "portraits", ".safetensors": "lora"}


@command
def upload(
    file: Annotated[str, typer.Argument(help="The file; `sample` for the packaged portrait.")] = "",
    kind: Annotated[
        str, typer.Option(help="image, audio, video, portraits, lora, json, text or file; default: by the name.")
    ] = "",
    list_: Annotated[bool, typer.Option("--list", help="List the uploads with their digests.")] = False,
    remove: Annotated[str, typer.Option(metavar="DIGEST", help="Drop an upload; jobs that use it keep it.")] = "",
) -> None:
    """Store a file in the object store and print its reference for the input of a graph. It remains until --remove."""
    from schemas.refs import REF_TYPES
    from workbench.client.files import portrait_file
    from workbench.client.uploads import FILE_TYPES, store_file

    deployment = connect(start=True, quiet=True)
    if list_ or remove:
        _list(deployment) if list_ else _remove(deployment, remove)
        return
    if not file:
        raise WorkbenchError(
            "settings.invalid",
            "the file is missing",
            where="FILE",
            allowed="a path, or `sample`",
            remedy="Name a file.",
        )
    path = portrait_file(file, deployment.settings.home)
    kind = kind or _kind_of(path)
    kinds = [*REF_TYPES, *FILE_TYPES]
    if kind not in kinds:
        raise WorkbenchError("settings.invalid", "unknown kind of artifact", where="--kind", seen=kind, allowed=kinds)
    ref, warnings = store_file(deployment, path, kind, owner=OWNER)
    for warning in warnings:
        note(f"{warning.message} {warning.remedy}")
    print_json(ref)


def _list(deployment: Deployment) -> None:
    rows = [
        (ref.sha256, ref.kind, ref.size_bytes, ref.name, time.strftime("%Y-%m-%d %H:%M", time.localtime(at)))
        for ref, at in deployment.grants.uploads(OWNER)
    ]
    print_table(("sha256", "kind", "bytes", "name", "uploaded"), rows)


def _remove(deployment: Deployment, digest: str) -> None:

    found = [ref.sha256 for ref, _ in deployment.grants.uploads(OWNER) if ref.sha256.startswith(digest)]
    if len(found) != 1:
        raise WorkbenchError(
            "deletion.ambiguous" if found else "deletion.unknown",
            f"{len(found)} uploads begin with these digits" if found else "there is no upload with this digest",
            where="--remove",
            seen=digest,
            remedy="`workbench upload --list` shows them.",
        )
    deployment.grants.drop_upload(OWNER, found[0])
    print(f"dropped {found[0][:12]}; `workbench gc` removes it if no job uses it")


def _kind_of(path: Path) -> str:
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    media_type = mimetypes.guess_type(path.name)[0] or ""
    if media_type == "application/json":
        return "json"
    family = media_type.partition("/")[0]
    return family if family in ("image", "audio", "video", "text") else "file"
