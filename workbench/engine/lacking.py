"""Says why no worker takes a node: nobody has its service, or how what the workers have differs from what is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.capability import ServiceManifest
from workbench.engine.offers import SHOWN, Offered

_REMEDY = {  # of the first that differs
    "version": "bring both to one version, or submit again",
    "code": "the older source is to be brought up to date, its process restarted, and the job submitted again",
    "weights": "submit again, and the job takes what the workers have; or install the same there",
    "packages": "submit again, and the job takes what the workers have; or install the same there",
}


@dataclass(frozen=True)
class Need:
    """A word of what a segment needs, taken apart."""

    service: str
    version: str
    code: str = ""
    weights: str = ""
    packages: frozenset[str] = frozenset()

    @classmethod
    def of(cls, word: str) -> Need:
        named, *rest = word.split("#")
        service, _, version = named.partition("@")
        code, weights, packages = [*rest, "", "", ""][:3] if len(rest) > 1 else ("", *rest, "")
        return cls(service, version, code, weights, frozenset(filter(None, packages.split(","))))


def lacks(word: str, offered: Iterable[Offered]) -> str:
    """ "service version", and how the worker that comes nearest differs, where one has the service.

    Args:
        word: what is needed and nobody offers.
        offered: what the workers of the pool offer.
    """
    need = Need.of(word)
    named = f"{need.service} {need.version}"
    same = [item for item in offered if item.service.service == need.service]
    if not same:
        return named
    nearest = min(same, key=lambda item: (_distance(need, item.service), item.worker))
    differing = differences(need, nearest.service)
    told = ", ".join(f"{what}: {there} there, {here} in the job" for what, there, here in differing)
    others = len({item.worker for item in same}) - 1
    beside = f"; {others} more differ as well" if others else ""
    return f"{named} (worker {nearest.worker} has other {told}{beside}; {_REMEDY[differing[0][0]]})"


def differences(need: Need, there: ServiceManifest) -> list[tuple[str, str, str]]:
    """(what, as it is there, as it is needed) of each part of the identity that differs."""
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
