"""Reads a manifest of inputs: a .jsonl, .csv or .yaml file with one row per item.

A column is an input of a pipeline (portrait, audio, script, …) or a parameter (``animate.scale``); ``id`` names the
row.
Files are given relative to the manifest. A YAML file may instead have ``product``: lists that are combined, such as
portraits x audios x scripts.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import WorkbenchError
from schemas.manifest import MAX_ITEMS, Manifest, ManifestItem

MAX_BYTES = 64 * 2**20
SUFFIXES = (".jsonl", ".csv", ".yaml", ".yml")
_ID = "id"


def read_manifest(path: Path) -> Manifest:
    """The items of a manifest, in order.

    Raises WorkbenchError: manifest.unreadable for the file, manifest.bad_row with the row.
    """
    text = read_text(path, SUFFIXES)
    if path.suffix == ".csv":
        rows = list(_csv(path, text))
    elif path.suffix == ".jsonl":
        rows = list(_jsonl(path, text))
    else:
        rows = list(_yaml(path, text))
    if not rows:
        raise _unreadable(path, "it has no rows", "nothing")
    if len(rows) > MAX_ITEMS:
        raise _unreadable(path, "it has too many rows", f"{len(rows):,}", f"at most {MAX_ITEMS:,}")
    items, seen = [], set()
    for number, (where, row) in enumerate(rows, 1):
        item = _item(path, where, row, number)
        if item.id in seen:
            raise bad_row(path, where, "two rows have the same id", seen=item.id, allowed="an id of its own")
        seen.add(item.id)
        items.append(item)
    return Manifest(items=items)


def read_text(path: Path, suffixes: tuple[str, ...]) -> str:
    """The text of a file. Raises WorkbenchError (manifest.unreadable)."""
    if path.suffix not in suffixes:
        raise _unreadable(path, "its kind is not known", path.suffix or "no suffix", ", ".join(suffixes))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unreadable(path, "it is too large", f"{path.stat().st_size:,} bytes", f"at most {MAX_BYTES:,}")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read", "nothing") from None
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8", f"byte {error.start}") from None


def yaml_of(path: Path, text: str) -> Any:
    """The value of a YAML text, without tags and with limited aliases. Raises WorkbenchError (manifest.unreadable)."""
    import yaml

    try:
        for count, token in enumerate(yaml.scan(text)):
            if isinstance(token, yaml.AliasToken) or count > 2_000_000:  # an alias can multiply a small file
                raise _unreadable(path, "it uses YAML aliases", f"line {token.start_mark.line + 1}", "values")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _unreadable(path, "it is not YAML", " ".join(str(error).split())[:200]) from None


def bad_row(
    path: Path, where: str, message: str, *, seen: object = None, allowed: object = None, remedy: str = ""
) -> WorkbenchError:
    """The refusal of a row."""
    return WorkbenchError(
        "manifest.bad_row",
        message,
        where=f"{path.name}, {where}",
        seen=seen,
        allowed=allowed,
        remedy=remedy or "Correct the row; docs/sweeps.md describes manifests.",
    )


def _csv(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if not all(names) or len(set(names)) != len(names):
            raise bad_row(path, "line 1", "the columns need names of their own", seen=names)
        reader.fieldnames = names
        for row in reader:
            where = f"line {reader.line_num}"
            if None in row or None in row.values():
                raise bad_row(
                    path,
                    where,
                    "the row does not have as many fields as the first line",
                    allowed=f"{len(names)} fields",
                )
            yield where, {name: value for name, value in row.items() if value.strip()}
    except csv.Error as error:
        raise bad_row(path, f"after line {reader.line_num}", f"this is not CSV: {error}") from None


def _jsonl(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise bad_row(path, f"line {number}", f"this is not JSON: {error.msg}", seen=line[:100]) from None


def _yaml(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    given = yaml_of(path, text)
    if isinstance(given, list):
        yield from ((f"row {number}", row) for number, row in enumerate(given, 1))
        return
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in ("items", "product"):
        raise _unreadable(
            path, "it is neither a list nor a product", type(given).__name__, "a list of rows, items: or product:"
        )
    if "items" in given:
        rows = given["items"] if isinstance(given["items"], list) else []
        yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))
        return
    yield from _product(path, given["product"])


def _product(path: Path, lists: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(lists, dict) or not all(isinstance(values, list) and values for values in lists.values()):
        raise _unreadable(path, "product needs a list for each input", type(lists).__name__, "portrait: [a.png, b.png]")
    if (total := math.prod(map(len, lists.values()))) > MAX_ITEMS:
        raise _unreadable(path, "its product has too many rows", f"{total:,}", f"at most {MAX_ITEMS:,}")
    for number, values in enumerate(itertools.product(*lists.values()), 1):
        words = [_word(value, lists[name].index(value) + 1) for name, value in zip(lists, values, strict=True)]
        row = dict(zip(lists, values, strict=True))
        yield f"combination {number}", {_ID: " + ".join(words)[:200], **row}


def _word(value: Any, number: int) -> str:
    """Names one value of a product: a file by its stem, a short text by itself, a long one by its number."""
    text = str(value)
    if Path(text).suffix and "\n" not in text and len(text) < 200:
        return Path(text).stem
    return text if len(text) <= 24 else f"{text[:20].rstrip()}… ({number})"


def _item(path: Path, where: str, row: Any, number: int) -> ManifestItem:
    if not isinstance(row, dict) or not all(isinstance(name, str) for name in row):
        raise bad_row(path, where, "a row needs names and values", seen=type(row).__name__, allowed="an object")
    values = {name.strip(): value for name, value in row.items() if name.strip() != _ID and value is not None}
    if not values:
        raise bad_row(path, where, "the row gives nothing", seen=row)
    for name, value in values.items():
        if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
            raise bad_row(path, where, f"{name} is not a plain value", seen=value, allowed="a text or a finite number")
    given = str(row.get(_ID, "")).strip() or str(number)
    if len(given) > 200:
        raise bad_row(path, where, "the id is too long", seen=given[:50], allowed="at most 200 characters")
    return ManifestItem(id=given, values=values)


def _unreadable(path: Path, why: str, seen: object, allowed: object = None) -> WorkbenchError:
    return WorkbenchError(
        "manifest.unreadable",
        f"{path.name} cannot be read: {why}",
        where=str(path),
        seen=seen,
        allowed=allowed,
        remedy="Correct the file or its path; docs/sweeps.md describes manifests.",
    )
