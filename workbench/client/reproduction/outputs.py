"""Compares the outputs of two runs of the same graph: bit for bit, and where they differ, how far off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import orjson

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import Ref, refs_in
from schemas.reproduction import Compared
from workbench.client.deployment import Deployment
from workbench.client.reproduction.media_difference import compare_images, compare_sounds, compare_videos
from workbench.store.record import named_refs

MAX_CHANGES = 50
MAX_JSON = 32 * 2**20
_MEDIA = {"video": compare_videos, "audio": compare_sounds, "image": compare_images}


def compared(deployment: Deployment, then: JobRecord, now: JobRecord) -> list[Compared]:
    """Each file that a node of either run made, and each other value that differs. Blocks: it decodes what differs."""
    found = []
    later = {node.id: node.output or {} for node in now.nodes}
    for node in then.nodes:
        before, after = node.output or {}, later.get(node.id, {})
        files = [dict(named_refs(side)) for side in (before, after)]
        for name in dict.fromkeys((*files[0], *files[1])):
            found.append(_file(deployment, node.id, name, files[0].get(name), files[1].get(name)))
        plain = [{name: value for name, value in side.items() if not refs_in(value)} for side in (before, after)]
        if changes := _limited(_changes(plain[0], plain[1])):
            found.append(Compared(node=node.id, output="values", kind="values", same=False, changes=changes))
    return found


def _file(deployment: Deployment, node: str, output: str, then: Ref | None, now: Ref | None) -> Compared:
    known = then or now
    assert known is not None
    made = Compared(
        node=node,
        output=output,
        kind=known.kind,
        then=then.sha256 if then else None,
        now=now.sha256 if now else None,
        same=then is not None and now is not None and then.sha256 == now.sha256,
    )
    if made.same or then is None or now is None:
        return made if made.same else made.model_copy(update={"note": f"not made {'now' if then else 'then'}"})
    try:
        sides = deployment.open(then), deployment.open(now)
    except WorkbenchError as error:
        if not error.code.startswith("store."):
            raise
        return made.model_copy(update={"note": f"the bytes of then are not here: {error.message}"})
    try:
        if known.kind in _MEDIA:
            return made.model_copy(update=_MEDIA[known.kind](*sides))
        if known.kind == "json" and max(side.stat().st_size for side in sides) <= MAX_JSON:
            changes = _changes(orjson.loads(sides[0].read_bytes()), orjson.loads(sides[1].read_bytes()))
            return made.model_copy(update={"changes": _limited(changes) or ["only the notation"]})
    except (OSError, ValueError) as error:  # FFmpeg's errors and JSON's are kinds of them
        return made.model_copy(update={"note": f"it cannot be read: {error}"})
    sizes = " then, ".join(f"{side.stat().st_size:,} bytes" for side in sides)
    return made.model_copy(update={"note": f"{sizes} now"})


def _changes(then: Any, now: Any, path: str = "") -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*then, *now)):
            yield from _changes(then.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(then, list) and isinstance(now, list):
        if len(then) != len(now):
            yield f"{path or 'value'}: {len(then)} entries -> {len(now)}"
        for index, (one, other) in enumerate(zip(then, now, strict=False)):
            yield from _changes(one, other, f"{path}[{index}]")
    elif then != now and not (_is_nan(then) and _is_nan(now)):
        yield f"{path or 'value'}: {_shown(then)} -> {_shown(now)}"


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"


def _limited(changes: Iterator[str]) -> list[str]:
    found: list[str] = []
    for change in changes:
        if len(found) == MAX_CHANGES:
            return [*found, "… and more"]
        found.append(change)
    return found
