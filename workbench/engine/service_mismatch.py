"""Explains why no worker takes a node: no worker has its service, or the workers' version of it differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nodes.identity import MAIN
from nodes.sdk import NodeDeclaration
from schemas.capability import ServiceManifest, WorkerManifest
from workbench.engine.provided_services import MODEL, SHOWN, Provided, ProvidedModel, ProvidedService

_REMEDY = {  # by the first difference
    "version": "install the same version on both sides, or submit again",
    "code": "update the older source, restart its process, and submit the job again",
    "weights": "submit again to use the weights of the workers, or install the same weights there",
    "packages": "submit again to use the packages of the workers, or install the same packages there",
}
WORKERS_NAMED = 3


@dataclass(frozen=True)
class Need:
    """A parsed service key."""

    service: str
    version: str
    code: str = ""
    weights: str = ""
    packages: frozenset[str] = frozenset()

    @classmethod
    def of(cls, key: str) -> Need:
        named, *rest = key.split("#")
        service, _, version = named.partition("@")
        code, weights, packages = [*rest, "", "", ""][:3] if len(rest) > 1 else ("", *rest, "")
        return cls(service, version, code, weights, frozenset(filter(None, packages.split(","))))


def describe_missing(key: str, offered: Iterable[Provided]) -> str:
    """ "service version", and the differences of the nearest worker that has the service, if there is one.

    Args:
        key: the key of a service or of a model that no worker provides.
        offered: what the workers of the pool provide.
    """
    if key.startswith(MODEL):
        return _describe_missing_model(key, [item for item in offered if isinstance(item, ProvidedModel)])
    need = Need.of(key)
    named = f"{need.service} {need.version}"
    same = [item for item in offered if isinstance(item, ProvidedService) and item.service.service == need.service]
    if not same:
        return named
    nearest = min(same, key=lambda item: (_distance(need, item.service), item.worker))
    differing = differences(need, nearest.service)
    text = ", ".join(f"{what}: {there} there, {here} in the job" for what, there, here in differing)
    others = len({item.worker for item in same}) - 1
    beside = f"; {others} more also differ" if others else ""
    return f"{named} (worker {nearest.worker} has other {text}{beside}; {_REMEDY[differing[0][0]]})"


def _describe_missing_model(key: str, offered: Iterable[ProvidedModel]) -> str:
    name, _, digest = key.removeprefix(MODEL).partition("#")
    other = next((item for item in offered if item.name == name), None)
    if other is None:
        return f"the model {name} (on a worker's machine, run `workbench models fetch {name}`)"
    differing = f"{other.digest[:SHOWN]} there, {digest} in the job"
    return f"the model {name} (worker {other.worker} has other weights: {differing}; submit again to use those)"


def describe_unloaded(declaration: NodeDeclaration, workers: Iterable[WorkerManifest]) -> str:
    """Why the workers of its pool do not have a service that this process knows; "" if there are no such workers."""
    there = [one for one in workers if (one.plane, one.pool) == (declaration.plane, declaration.pool)]
    if not there:
        return ""
    for worker in there:
        for item in worker.services:
            if item.service == declaration.service:
                return f"worker {worker.worker} cannot run it: {item.missing}" if item.missing else ""
    if declaration.run.__module__ == MAIN:
        return "it is declared only in this session; save it as a file that the workers load, and restart them"
    names = ", ".join(sorted(one.worker for one in there)[:WORKERS_NAMED]) + (
        " …" if len(there) > WORKERS_NAMED else ""
    )
    return (
        f"this process knows it from {declaration.file}, but the running workers of the pool {declaration.pool} "
        f"({names}) have not loaded that file; restart them: `workbench down`, `workbench up`"
    )


def differences(need: Need, there: ServiceManifest) -> list[tuple[str, str, str]]:
    """(part, the worker's value, the needed value) of each part of the identity that differs."""
    found = []
    for what, has, wants in (
        ("version", there.version, need.version),
        ("code", there.code[:SHOWN], need.code),
        ("weights", there.weights[:SHOWN], need.weights),
    ):
        if has != wants:
            found.append((what, has or "none", wants or "none"))
    packages = frozenset(there.packages)
    if packages != need.packages:
        found.append(("packages", _listed(packages - need.packages), _listed(need.packages - packages)))
    return found


def _distance(need: Need, there: ServiceManifest) -> tuple[bool, int]:
    return need.version != there.version, len(differences(need, there))


def _listed(packages: frozenset[str]) -> str:
    return " ".join(sorted(packages)) or "none of these"
