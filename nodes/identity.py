"""The identity of a node, which with parameters and inputs determines its result: code, weights, package versions.

The three are pinned into a graph when it is accepted, reported by workers, and part of the content key. The reasons are
in docs/design/node-identity.md.
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
    """The identity of a service in one environment, independent of the machine.

    Attributes:
        code: digest of the node's source.
        weights: digest of its model files; "" if it has none.
        packages: ``name==version`` of the packages that it declares.
    """

    code: str = ""
    weights: str = ""
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Code:
    digest: str
    modules: Mapping[str, source.Module]
    stamps: Mapping[str, source.Stamp | None]


_DECLARED: dict[str, source.Stamp | None] = {}  # module -> stamp of its file when it was imported
_LOADED: dict[str, _Code] = {}  # module -> its code when this process first read it
_BROKEN: dict[str, dict[str, source.Stamp | None]] = {}  # module -> stamp of the file that could not be read
_UNREADABLE = (SyntaxError, ValueError, OSError)


def declared(module: str, file: str) -> None:
    """Record that a module was imported, perhaps again, so that its code is read again."""
    _DECLARED[module] = source.stamp_of(file)
    _LOADED.pop(module, None)


def code_of(module: str, file: str) -> str:
    """Digest of the source of the node that ``module`` declares. A few ms the first time, then the cost of a stat.

    Raises WorkbenchError (node.code_changed) if the source on disk differs from the code that this process runs.
    """
    if module == MAIN or source.find(module) is None:  # a notebook's cell, or a script
        return source.cell_digest(file)
    loaded = _LOADED.get(module)
    if loaded is None:
        if source.stamp_of(file) != _DECLARED.get(module):
            raise _changed(module, [file])
        try:
            loaded = _LOADED[module] = _read(module)
        except _UNREADABLE as error:  # in a module that only ``run`` imports
            broken = str(getattr(error, "filename", None) or file)
            _BROKEN[module] = {broken: source.stamp_of(broken)}
            raise WorkbenchError(
                "node.bad_declaration",
                f"a source file of {module} cannot be read: {error}",
                where=broken,
                remedy="Correct that file.",
            ) from None
    elif any(source.stamp_of(path) != stamp for path, stamp in loaded.stamps.items()):
        source.find.cache_clear()  # a module may have been added
        try:
            now = _read(module)
        except (*_UNREADABLE, ModuleNotFoundError) as error:  # the file is being written
            raise _changed(module, [str(getattr(error, "filename", None) or file)]) from None
        if now.digest != loaded.digest:
            raise _changed(module, _differing(loaded.modules, now.modules))
        loaded = _LOADED[module] = now  # only comments or time stamps changed
    return loaded.digest


def sources(modules: Iterable[str]) -> dict[str, source.Stamp | None]:
    """Stamps of the files of these nodes, by path. A caller that sees a different stamp calls ``code_of`` again."""
    found: dict[str, source.Stamp | None] = {}
    for module in modules:
        found |= _LOADED[module].stamps if module in _LOADED else _BROKEN.get(module, {})
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


def _read(module: str) -> _Code:
    modules = source.modules_of(module)
    stamps = {path: stamp for content in modules.values() for path, stamp in content.stamps.items()}
    return _Code(source.digest_of(modules), modules, stamps)


def _differing(before: Mapping[str, source.Module], now: Mapping[str, source.Module]) -> list[str]:
    common = before.keys() & now.keys()
    return sorted(before.keys() ^ now.keys() | {name for name in common if before[name].digest != now[name].digest})


def _changed(module: str, what: list[str]) -> WorkbenchError:
    return WorkbenchError(
        "node.code_changed",
        f"the code of {module} changed after this process had loaded it",
        where=", ".join(what),
        seen="different code on disk and in memory",
        remedy="Restart this process: for the page, run `workbench down` and `workbench up`; for a notebook, restart "
        "its kernel. Workers reload changed code automatically.",
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
