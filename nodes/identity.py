"""What makes a node's result what it is, beside its parameters and inputs: code, weights, versions of packages.

The three are pinned into a graph when it is accepted, told by workers as what they offer, and part of the content key.
Why so: docs/design/node-identity.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError

from nodes import packages, source
from schemas.errors import WorkbenchError

MAIN = "__main__"


@dataclass(frozen=True)
class Identity:
    """Of a service in one environment. Nothing of the machine is in it.

    Attributes:
        code: digest of the node's source.
        weights: digest of the files that are its model; "" where there are none.
        packages: ``name==version`` of the packages it declares.
    """

    code: str = ""
    weights: str = ""
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Code:
    digest: str
    modules: Mapping[str, source.Module]
    stamps: Mapping[str, source.Stamp | None]


_DECLARED: dict[str, source.Stamp | None] = {}  # module -> when its file was written, as it was imported
_KNOWN: dict[str, _Code] = {}  # module -> its code as this process first saw it
_BROKEN: dict[str, dict[str, source.Stamp | None]] = {}  # module -> the file that keeps its code from being read
_UNREADABLE = (SyntaxError, ValueError, OSError)


def declared(module: str, file: str) -> None:
    """A module was imported, perhaps again: what it is made of is seen anew."""
    _DECLARED[module] = source.stamp_of(file)
    _KNOWN.pop(module, None)


def code_of(module: str, file: str) -> str:
    """Digest of the source of the node that ``module`` declares. A few ms the first time, then what stat costs.

    Raises WorkbenchError (node.code_changed) where the source is not any more what this process runs.
    """
    if module == MAIN or source.find(module) is None:  # a notebook's cell, or a script
        return source.cell_digest(file)
    known = _KNOWN.get(module)
    if known is None:
        if source.stamp_of(file) != _DECLARED.get(module):
            raise _changed(module, [file])
        try:
            known = _KNOWN[module] = _look(module)
        except _UNREADABLE as error:  # a module that only ``run`` imports
            broken = str(getattr(error, "filename", None) or file)
            _BROKEN[module] = {broken: source.stamp_of(broken)}
            raise WorkbenchError(
                "node.bad_declaration",
                f"a source file of {module} cannot be read: {error}",
                where=broken,
                remedy="Correct that file.",
            ) from None
    elif any(source.stamp_of(path) != stamp for path, stamp in known.stamps.items()):
        source.find.cache_clear()  # a module may have been added
        try:
            now = _look(module)
        except (*_UNREADABLE, ModuleNotFoundError) as error:  # it is being written
            raise _changed(module, [str(getattr(error, "filename", None) or file)]) from None
        if now.digest != known.digest:
            raise _changed(module, _differing(known.modules, now.modules))
        known = _KNOWN[module] = now  # comments, or a touch
    return known.digest


def sources(modules: Iterable[str]) -> dict[str, source.Stamp | None]:
    """When the files of those nodes were written, by path: whoever sees another time may ask ``code_of`` again."""
    found: dict[str, source.Stamp | None] = {}
    for module in modules:
        found |= _KNOWN[module].stamps if module in _KNOWN else _BROKEN.get(module, {})
    return found


def weights_of(names: tuple[str, ...], where: str, remedy: str) -> str:
    """Digest of the model's files; "" for a node without weights. Raises WorkbenchError (node.missing_package)."""
    try:
        return packages.weights_digest(names) if names else ""
    except PackageNotFoundError as error:
        raise _missing(error.name, where, remedy) from None


def versions_of(names: tuple[str, ...], where: str, remedy: str) -> tuple[str, ...]:
    """``name==version`` of each package. Raises WorkbenchError (node.missing_package)."""
    try:
        return packages.versions(names)
    except PackageNotFoundError as error:
        raise _missing(error.name, where, remedy) from None


def _look(module: str) -> _Code:
    modules = source.modules_of(module)
    stamps = {path: stamp for content in modules.values() for path, stamp in content.stamps.items()}
    return _Code(source.digest_of(modules), modules, stamps)


def _differing(before: Mapping[str, source.Module], now: Mapping[str, source.Module]) -> list[str]:
    common = before.keys() & now.keys()
    return sorted(before.keys() ^ now.keys() | {name for name in common if before[name].digest != now[name].digest})


def _changed(module: str, what: list[str]) -> WorkbenchError:
    return WorkbenchError(
        "node.code_changed",
        f"the code of {module} was edited after this process had read it",
        where=", ".join(what),
        seen="other code on disk than in memory",
        remedy="Restart this process: `workbench down` and `workbench up` for the page, the kernel for a notebook. "
        "Workers see an edit by themselves.",
    )


def _missing(package: str, where: str, remedy: str) -> WorkbenchError:
    return WorkbenchError(
        "node.missing_package",
        f"{where} needs the package {package}, which is not installed",
        where=where,
        seen="not installed",
        allowed=package,
        remedy=remedy.format(package=package),
    )
