"""Reads the code of a node without running it: its module, imported modules of its package, and files that they name.

Standard library only. The digest is the same on every Python from 3.11 on, because it identifies what a node computes
and not where.
"""

from __future__ import annotations

import ast
import hashlib
import io
import linecache
import os
import re
import sys
import token
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from pathlib import Path

# The infrastructure that runs nodes. It is the same for all nodes, and changes to it must not change their results.
INFRASTRUCTURE = frozenset(
    f"nodes.{name}"
    for name in (
        "catalogue",
        "context",
        "finding",
        "identity",
        "in_parts",
        "local",
        "manifest",
        "media",
        "model_cache",
        "packages",
        "portrait_needs",
        "registry",
        "sdk",
        "weights",
    )
) | {"nodes.models_doc", "nodes.services_doc", "nodes.source"}

_LAYOUT = (token.COMMENT, token.NL, token.ENCODING, token.ENDMARKER)
_MARKS = {token.NEWLINE: "\n", token.INDENT: "\t>", token.DEDENT: "\t<"}  # independent of the width of an indentation
# The tokenizer splits f-strings from Python 3.12 on and t-strings from 3.14 on; 3.11 returns them whole.
_OPENS = tuple(getattr(token, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(token, name))
_CLOSES = tuple(getattr(token, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(token, name))
_FILE_NAME = re.compile(r"(?:[\w-]+/)*[\w-][\w.-]*\.(?!py)\w+")
_FOLDER_NAME = re.compile(r"[a-zA-Z][\w-]*")
_SHARED_FOLDERS = {"site-packages", "dist-packages"}

Stamp = tuple[int, int]  # time of the last change in ns, bytes


@dataclass(frozen=True)
class Module:
    """A module as stored on disk.

    Attributes:
        digest: SHA-256 over its tokens and the data files it names; "" for a package without ``__init__.py`` and for
            compiled modules.
        imports: absolute names of all modules that it imports, or of names inside them.
        stamps: stamps of its file and those data files, by path.
    """

    digest: str
    imports: frozenset[str]
    stamps: Mapping[str, Stamp | None]


def code_digest(name: str) -> str:
    """SHA-256 (hex) over names and tokens of a node's module and of the modules of its package that it imports.

    Raises ModuleNotFoundError if the module does not exist, SyntaxError if one of them cannot be parsed.
    """
    return digest_of(modules_of(name))


def digest_of(modules: Mapping[str, Module]) -> str:
    """SHA-256 (hex) over the names and contents of modules."""
    digest = hashlib.sha256()
    for name, module in sorted(modules.items()):
        digest.update(f"{name} {module.digest}\n".encode())
    return digest.hexdigest()


def cell_digest(file: str) -> str:
    """SHA-256 (hex) over the tokens of a notebook's cell or of a running script."""
    return token_digest("".join(linecache.getlines(file)))


def modules_of(name: str) -> dict[str, Module]:
    """The node's module, all modules of its package that it imports directly or indirectly, and their parent packages.

    Modules of its package have the same top-level name; for a module without a package, they are in the same folder.
    Imports inside functions and by a literal ``import_module("…")`` count. Nothing is imported.
    """
    found: dict[str, Module] = {}
    waiting = [name]
    while waiting:
        name_ = waiting.pop()
        parts = name_.split(".")
        for depth in range(1, len(parts) + 1):  # importing a.b.c runs a and a.b as well
            part = ".".join(parts[:depth])
            if part in found:
                continue
            spec = find(part)
            if spec is None or part in INFRASTRUCTURE:
                break  # a name inside a module rather than a module, or not the node's own code
            found[part] = module = _read(part, spec)
            waiting += [other for other in module.imports if _is_own(other, name)]
    if name not in found:
        raise ModuleNotFoundError(f"no module named {name}", name=name)
    return found


def stamp_of(path: str) -> Stamp | None:
    """Time of the last change and size of a file; None if it does not exist."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called for each node run, and creating a Path costs more than the call
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def token_digest(text: str) -> str:
    """SHA-256 (hex) over the tokens of a source text, without comments, blank lines and the width of indentation."""
    marks = "\0".join(_tokens(text if text.endswith("\n") else text + "\n"))
    return hashlib.sha256(marks.encode("utf-8", "surrogatepass")).hexdigest()


def _tokens(text: str) -> Iterator[str]:
    lines = text.split("\n")
    depth, begin = 0, (0, 0)
    for item in tokenize.generate_tokens(io.StringIO(text).readline):
        if item.type in _OPENS:
            begin = begin if depth else item.start
            depth += 1
        elif item.type in _CLOSES:
            depth -= 1
            if not depth:
                yield _between(lines, begin, item.end)
        elif depth or item.type in _LAYOUT:
            continue
        else:
            yield _MARKS.get(item.type, item.string)


def _between(lines: list[str], begin: tuple[int, int], end: tuple[int, int]) -> str:
    (first, left), (last, right) = begin, end
    if first == last:
        return lines[first - 1][left:right]
    return "\n".join([lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right]])


@cache
def find(name: str) -> ModuleSpec | None:
    """Find a module. Unlike ``importlib.util.find_spec``, it does not import parent packages."""
    imported = getattr(sys.modules.get(name), "__spec__", None)
    if imported is not None:
        return imported  # type: ignore[no-any-return]
    parent = name.rpartition(".")[0]
    path = None
    if parent:
        holder = find(parent)
        if holder is None or holder.submodule_search_locations is None:
            return None
        path = list(holder.submodule_search_locations)
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None


_READ: dict[tuple[str, str | None], Module] = {}  # by name and location


def _read(name: str, spec: ModuleSpec) -> Module:
    """The module; read again only after one of its files changed."""
    module = _READ.get((name, spec.origin))
    if module is None or any(stamp_of(path) != stamp for path, stamp in module.stamps.items()):
        module = _READ[name, spec.origin] = _read_from_disk(name, spec)
    return module


def _read_from_disk(name: str, spec: ModuleSpec) -> Module:
    path = spec.origin if spec.has_location else None
    stamps = {path: stamp_of(path)} if path else {}  # taken before reading, so that a concurrent write is noticed
    text = _text(name, spec)
    if text is None:  # a folder without __init__.py, or compiled: only its distribution's version identifies it
        return Module("", frozenset(), stamps)
    items = list(ast.walk(ast.parse(text, path or name)))
    digest = hashlib.sha256(token_digest(text).encode())
    for file in _named_files(items, Path(path).parent) if path else ():
        stamps[str(file)] = stamp_of(str(file))
        digest.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    is_package = spec.submodule_search_locations is not None
    return Module(digest.hexdigest(), frozenset(_imports(items, name, is_package)), stamps)


def _named_files(items: list[ast.AST], folder: Path) -> list[Path]:
    """Data files next to a module, or in a folder next to it, whose names are string literals in the module."""
    texts = {item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)}
    names = {text for text in texts if _FILE_NAME.fullmatch(text)}
    folders = [folder, *(folder / text for text in texts if _FOLDER_NAME.fullmatch(text) and (folder / text).is_dir())]
    return sorted(place / name for name in names for place in folders if (place / name).is_file())


def _text(name: str, spec: ModuleSpec) -> str | None:
    if spec.has_location and spec.origin and spec.origin.endswith(".py") and Path(spec.origin).is_file():
        return decode_source(Path(spec.origin).read_bytes())
    get_source = getattr(spec.loader, "get_source", None)  # for modules in an archive
    try:
        return get_source(name) if get_source is not None else None
    except ImportError:
        return None


def _imports(items: list[ast.AST], module: str, is_package: bool) -> Iterator[str]:
    for item in items:
        if isinstance(item, ast.Import):
            yield from (alias.name for alias in item.names)
        elif isinstance(item, ast.ImportFrom):
            base = item.module or ""
            if item.level:
                parts = module.split(".")
                here = parts[: len(parts) - item.level + is_package]
                base = ".".join([*here, base] if base else here)
            yield from (f"{base}.{alias.name}" for alias in item.names if alias.name != "*")
            yield base
        elif isinstance(item, ast.Call) and item.args and isinstance(item.args[0], ast.Constant):
            called = item.func.attr if isinstance(item.func, ast.Attribute) else getattr(item.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(item.args[0].value, str):
                yield item.args[0].value


def _is_own(other: str, node: str) -> bool:
    top, others_top = node.partition(".")[0], other.partition(".")[0]
    if top == others_top:
        return True
    spec = find(top)
    if spec is None or spec.submodule_search_locations is not None or spec.origin is None:
        return False
    folder = Path(spec.origin).parent
    if _SHARED_FOLDERS.intersection(folder.parts) or folder == Path(os.__file__).parent:
        return False  # the folder also contains unrelated packages
    beside = find(others_top)
    places = [] if beside is None else [*(beside.submodule_search_locations or ()), beside.origin]
    return any(place is not None and Path(place).parent == folder for place in places)
