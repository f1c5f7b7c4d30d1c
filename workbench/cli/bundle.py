"""``workbench bundle …``: export runs to one signed zip, look into one, import one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.consent_option import Said, asking, said
from workbench.cli.output import Json, command, print_answer, print_json
from workbench.cli.run import connect

if TYPE_CHECKING:
    from schemas.bundle import BundleImport, BundleInfo

group = typer.Typer(name="bundle", no_args_is_help=True, help="Bundles: export runs to a signed zip, show, import.")
BundleFile = Annotated[Path, typer.Argument(help="A file that `workbench bundle export` wrote.")]
Trust = Annotated[Path | None, typer.Option(help="PEM file with certificates of further issuers that you trust.")]


@group.command()
@command
def export(
    name: Annotated[str, typer.Argument(metavar="JOB|SWEEP", help="Id of a job, its MLflow run, or a sweep.")],
    without_media: Annotated[
        bool, typer.Option("--without-media", help="Leave out the bytes of images, audio, video, zips and weights.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; default: NAME.bundle.zip here.")] = None,
    as_json: Json = False,
) -> None:
    """Write a run or all runs of a sweep to one signed zip: graph, inputs, results, digests, versions, licences."""
    from rich.filesize import decimal as size_text

    from workbench.client.bundles.export import export as export_bundle

    target = out or Path(f"{name}.bundle.zip")
    manifest = export_bundle(connect(), name, target, without_media=without_media)
    size, left = target.stat().st_size, sum(one.path is None for one in manifest.artifacts)
    text = f"{target}: {_count(len(manifest.jobs), 'run')}, {_count(len(manifest.artifacts) - left, 'artifact')}, "
    text += size_text(size) + (f"; {left} left out" if left else "")
    answer = {"file": str(target), "jobs": manifest.jobs, "artifacts": len(manifest.artifacts) - left}
    print_answer(answer | {"leftOut": left, "sizeBytes": size}, text, as_json)


@group.command()
@command
def show(file: BundleFile, trust: Trust = None, as_json: Json = False) -> None:
    """Verify a bundle and list what it holds, without importing it. Needs no stack."""
    from workbench.cli.verify import read_certificates
    from workbench.client.bundles.importing import show as shown
    from workbench.settings import load_settings

    found = shown(file, load_settings(), issuers=read_certificates(trust) if trust else "")
    print_answer(found, report(found), as_json)


@group.command("import")
@command
def import_(
    file: BundleFile,
    run: Annotated[bool, typer.Option("--run", help="Run the imported graphs again, each as a new job.")] = False,
    consent: Said = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Verify a bundle and take its runs in, to look at. Nothing is stored unless every digest and the signature hold.

    With --run, each run is also submitted again here; what is computed already is not computed again.
    """
    from workbench.cli.verify import read_certificates
    from workbench.client.bundles.importing import import_bundle
    from workbench.client.bundles.importing import show as shown
    from workbench.client.consent import EntryPoint
    from workbench.client.rerun import rerun
    from workbench.settings import load_settings

    issuers, given = read_certificates(trust) if trust else "", said(consent)
    shown(file, load_settings(), issuers=issuers)  # a damaged bundle starts no stack
    deployment = connect(start=run, quiet=as_json)
    taken: BundleImport = asking(
        deployment,
        lambda: import_bundle(deployment, file, consent=given, entry=EntryPoint.CLI, issuers=issuers),
    )
    again = [
        rerun(deployment, one.job, consent=given, entry=EntryPoint.CLI).job for one in taken.runs
    ] if run else []  # fmt: skip
    if as_json:
        print_json(taken.model_dump(mode="json", by_alias=True) | {"submitted": again})
        return
    print(report(taken.bundle))
    for one in taken.runs:
        print(f"  {'imported' if one.created else 'is here'}  {one.was} as {one.job}, read-only")
    for job in again:
        print(f"  submitted {job}: `workbench job watch {job}`")


def report(found: BundleInfo) -> str:
    """The bundle as lines of text."""
    from rich.filesize import decimal as size_text

    left = sum(one.path is None for one in found.artifacts)
    trusted = "trusted here" if found.signature == "trusted" else "unknown here"
    lines = [
        f"{found.file}: {_plain(found.title)}",
        f"  signed by {_plain(found.issuer)}, {trusted}; every digest is right",
        f"  holds     {_count(len(found.runs), 'run')}, {_count(len(found.artifacts) - left, 'artifact')}, "
        f"{size_text(found.size_bytes)}, written by workbench {_plain(found.workbench)}",
    ]
    lines += [f"  left out  {_count(left, 'artifact')}, known by digest"] if left else []
    lines += ["  people    portraits, voices or videos are inside"] if found.needs_consent else []
    lines += [f"  run       {one.job}  {_plain(one.pipeline)}  {one.status}, seed {one.seed}" for one in found.runs]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text from outside without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
