"""The rule of consent: a job may use a file of a person only with a recorded consent. ``client.submit`` applies it.

A file of a person is an image, an audio file, a video, a zip of portraits or a LoRA that somebody brought in: no job of
this deployment produced it, and it is not the packaged sample. A LoRA that a job trained needs the consent to the
portraits that it was trained on, because it makes new pictures of the same person.

The consent is given with the job, recorded earlier for the file, given once for a home where nobody logs in, or given
by ``WORKBENCH_CONSENT``. ``docs/design/consent.md`` explains the choice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from schemas.consent import Consent, ConsentRecord, ConsentSource
from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.refs import refs_in
from workbench.client.access import LOCAL, login_name
from workbench.client.consent_records import consent_text, wording
from workbench.client.deletion import digests_of
from workbench.client.deployment import Deployment
from workbench.client.files import sample_digests
from workbench.client.uploads import FILE_TYPES, MEDIA_KINDS, UPLOAD_KINDS, upload_kind

CONSENT = "consent"  # in a graph's metadata: the consent of the job


class EntryPoint(StrEnum):
    """Where a job is submitted: the words in which a refusal says how to give the consent there."""

    CLI = 'repeat the command with --consent "YOUR NAME"'
    PYTHON = 'add consent="YOUR NAME"'
    HTTP = 'add "consent": {"given": true, "name": "YOUR NAME"} to the request'
    PAGE = "tick the box"
    FORM = "enter your name here"


@dataclass(frozen=True)
class _File:
    """A file that a job uses.

    Attributes:
        digests: each digest under which it may be stored; the last one is that of its upload.
        where: the input or the node that uses it.
        trained_by: the owner of the training that used it, if the job uses a LoRA that was trained on it.
    """

    digests: tuple[str, ...]
    name: str
    where: str
    trained_by: str = ""

    @property
    def sha256(self) -> str:
        return self.digests[-1]

    def __str__(self) -> str:
        return f"{self.name} ({self.sha256[:12]})"


def with_consent(
    deployment: Deployment,
    graph: Graph,
    given: Consent | None,
    *,
    owner: str,
    entry: EntryPoint,
    repeats: JobRecord | None = None,
) -> Graph:
    """The graph with the consent to its files in its metadata, which does not affect the content keys. Records it.

    Args:
        given: with the request; it counts for all files of the job.
        owner: of the new job.
        repeats: an earlier job; the consents of its owner count for its files.

    Raises WorkbenchError: consent.missing, consent.withdrawn, sql.unreachable.
    """
    _refuse_denial(given, entry)
    files = _files_of(deployment, graph)
    if not files:
        return graph if given is None else _noted(graph, [_statement(deployment, given, owner)])
    found = _Records(deployment, owner, repeats)
    people = found.of_people(files)
    if given is not None:
        added = found.add(people, _name(given, owner), ConsentSource.FILE, wording(deployment, given, owner))
        return _noted(graph, added or [_statement(deployment, given, owner)])
    missing = [file for file in people if not found.holding(file)]
    records = [found.holding(file)[-1] for file in people if file not in missing]
    if missing:
        records += found.add(missing, *_for_all(deployment, found, missing, owner, entry))
    return _noted(graph, records)


def check_files(
    deployment: Deployment,
    paths: Mapping[str, tuple[Path, str]],
    given: Consent | None,
    *,
    owner: str,
    entry: EntryPoint,
) -> None:
    """Check the consent to files of this machine before they are uploaded.

    Inspects the files only if nothing but their own records can decide.

    Args:
        paths: path and kind (image, audio, …) by the name of the input.

    Raises WorkbenchError: consent.missing, consent.withdrawn, sql.unreachable.
    """
    _refuse_denial(given, entry)
    if given is not None or stated_for_all(deployment, owner) is not None:
        return
    files = []
    for name, (path, kind) in paths.items():
        if kind in UPLOAD_KINDS and path.is_file():
            digests = tuple(digests_of(deployment, path, kind))
            files += [_File(digests, path.name, name)] if len(digests) > 1 else []  # else the upload refuses it
    found = _Records(deployment, owner)
    missing = [file for file in found.of_people(files) if not found.holding(file)]
    if missing:
        _for_all(deployment, found, missing, owner, entry)


def stated_for_all(deployment: Deployment, owner: str) -> ConsentRecord | None:
    """The consent that counts for all files of an owner: of the home, where nobody logs in, or of the setting."""
    home = deployment.consents.of_home(owner) if owner == LOCAL.name else None
    if home is not None or not deployment.settings.consent:
        return home
    stated = Consent(given=True, name=deployment.settings.consent)
    return _statement(deployment, stated, owner, ConsentSource.SETTING)


class _Records:
    """The records that count for the files of a job."""

    def __init__(self, deployment: Deployment, owner: str, repeats: JobRecord | None = None) -> None:
        self._consents, self._owner = deployment.consents, owner
        self._earlier = repeats if repeats is not None and repeats.owner != owner else None
        self._by_digest: dict[str, list[ConsentRecord]] = {}

    def of_people(self, files: Sequence[_File]) -> list[_File]:
        """The files that somebody brought in. Reads their records."""
        digests = {sha256 for file in files for sha256 in file.digests}
        found, owners = self._consents.of_files(self._owner, digests), [self._owner]
        if self._earlier is not None:
            owners.append(self._earlier.owner)
            used = digests & _given_in(self._earlier.graph)
            found = {**self._consents.of_files(self._earlier.owner, used), **found}
        for owner in sorted({file.trained_by for file in files} - {"", *owners}):
            trained = {sha256 for file in files if file.trained_by == owner for sha256 in file.digests}
            for sha256, records in self._consents.of_files(owner, trained).items():
                found[sha256] = sorted([*records, *found.get(sha256, ())], key=lambda one: one.at)
            owners.append(owner)
        self._by_digest = found
        # A file with a record was brought in, even if a node passed it on as its output.
        unknown = digests - found.keys()
        unknown -= self._consents.produced(unknown, owners) if unknown else set()
        unknown -= sample_digests() if unknown else set()
        return [file for file in files if self._of(file) or unknown.issuperset(file.digests)]

    def holding(self, file: _File) -> list[ConsentRecord]:
        """The records that hold, oldest first: a withdrawal ends all earlier ones."""
        last = max((one.withdrawn_at for one in self._of(file) if one.withdrawn_at is not None), default=0.0)
        return [one for one in self._of(file) if one.withdrawn_at is None and one.at > last]

    def withdrawn(self, file: _File) -> ConsentRecord | None:
        """The record that was withdrawn last."""
        ended = [one for one in self._of(file) if one.withdrawn_at is not None]
        return max(ended, key=lambda one: one.withdrawn_at or 0.0, default=None)

    def add(self, files: Sequence[_File], name: str, source: ConsentSource, text: str) -> list[ConsentRecord]:
        """Record a person's consent where none of the same person holds yet. Returns the records of all files."""
        held: dict[str, ConsentRecord] = {
            file.sha256: one
            for file in files
            for one in self.holding(file)
            if (one.owner, one.name) == (self._owner, name)
        }
        fresh = [file.sha256 for file in files if file.sha256 not in held]
        return [*held.values(), *(self._consents.give(self._owner, fresh, name, source, text) if fresh else ())]

    def _of(self, file: _File) -> list[ConsentRecord]:
        return [one for sha256 in file.digests for one in self._by_digest.get(sha256, ())]


def _for_all(
    deployment: Deployment, found: _Records, missing: Sequence[_File], owner: str, entry: EntryPoint
) -> tuple[str, ConsentSource, str]:
    """Name, source and wording of the consent that counts for all files: of the home or of the setting.

    Raises WorkbenchError: consent.withdrawn for a file whose own consent was withdrawn; consent.missing.
    """
    for file in missing:
        if (last := found.withdrawn(file)) is not None:
            raise WorkbenchError(
                "consent.withdrawn",
                f"{last.name} withdrew the consent to {file}",
                where=file.where,
                seen=f"withdrawn on {day(last.withdrawn_at or last.at)}",
                remedy=f"Use another file. `workbench erase {file.sha256[:12]}` erases this one with everything "
                f"made from it. If the people agreed again, {entry.value}.",
            )
    if (stated := stated_for_all(deployment, owner)) is not None:
        return stated.name, stated.source, stated.text
    first, more = missing[0], len(missing) - 1
    others = f" and {more} more file{'s' if more > 1 else ''}" if more else ""
    raise WorkbenchError(
        "consent.missing",
        f"no consent is recorded for the people in {first}{others}",
        where=", ".join(dict.fromkeys(file.where for file in missing)),
        seen="no consent",
        allowed=consent_text(deployment.settings, login=owner != LOCAL.name),
        remedy=_remedy(owner, entry),
    )


def _remedy(owner: str, entry: EntryPoint) -> str:
    if entry is EntryPoint.PAGE:
        return f"If they agreed, {entry.value}. Otherwise use the sample portrait."
    once = (
        ', or state it once for this home: `workbench consent give --name "YOUR NAME"`' if owner == LOCAL.name else ""
    )
    clients = " WORKBENCH_CONSENT=NAME states it for clients that cannot ask." if entry is EntryPoint.HTTP else ""
    return f"If they agreed, {entry.value}{once}.{clients} The packaged sample needs no consent."


def _refuse_denial(given: Consent | None, entry: EntryPoint) -> None:
    """Raises WorkbenchError (consent.missing) for a request that says that there is no consent."""
    if given is not None and not given.given:
        raise WorkbenchError(
            "consent.missing",
            "the request says that the consent was not given",
            where="consent.given",
            seen=False,
            allowed=True,
            remedy=f"Ask the people who are seen and heard. If they agree, {entry.value}.",
        )


def _statement(
    deployment: Deployment, given: Consent, owner: str, source: ConsentSource = ConsentSource.FILE
) -> ConsentRecord:
    """A consent that is not recorded for a file."""
    return ConsentRecord(
        owner=owner,
        sha256="",
        name=_name(given, owner),
        source=source,
        text=wording(deployment, given, owner),
        at=time.time(),
    )


def _name(given: Consent, owner: str) -> str:
    """Who gives the consent: by name, by login, or as the user of this machine."""
    return given.name or (login_name() if owner == LOCAL.name else owner)


def _noted(graph: Graph, records: Sequence[ConsentRecord]) -> Graph:
    """The graph with the consents in its metadata, where every view of the job and MLflow find them."""
    kept = {name: value for name, value in graph.metadata.items() if name != CONSENT}
    noted = {}
    if records:
        newest = max(records, key=lambda one: one.at)
        noted[CONSENT] = {
            "given": True,
            "by": ", ".join(dict.fromkeys(one.name for one in records)),
            "at": round(newest.at, 3),
            "source": newest.source.value,
            "text": newest.text,
        }
    return graph.model_copy(update={"metadata": kept | noted})


def _files_of(deployment: Deployment, graph: Graph) -> list[_File]:
    """Files that may be of a person, each once: those of the graph, and those that its LoRAs were trained on."""
    asked = graph.metadata.get("asked")
    options = asked.get("options") if isinstance(asked, dict) else None
    names = {value: name for name, value in (options or {}).items() if isinstance(value, str)}
    found: dict[str, _File] = {}
    loras: list[_File] = []
    for node in graph.nodes:
        for ref in refs_in([node.params, node.input, node.output]):
            if upload_kind(ref) in UPLOAD_KINDS and ref.sha256 not in found:
                where = names.get(ref.sha256) or f"node {node.id}"
                found[ref.sha256] = _File((ref.sha256,), ref.name or ref.kind, where)
                loras += [found[ref.sha256]] if upload_kind(ref) == "lora" else []
    for lora in loras:
        for ref, owner in deployment.consents.made_from(lora.sha256, MEDIA_KINDS, FILE_TYPES.values()):
            found.setdefault(ref.sha256, _File((ref.sha256,), ref.name or ref.kind, lora.where, owner))
    return list(found.values())


def _given_in(graph: Graph) -> set[str]:
    return {ref.sha256 for node in graph.nodes for ref in refs_in([node.params, node.input])}


def day(at: float) -> str:
    """The date of a time in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))
