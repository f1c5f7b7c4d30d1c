"""Writes and reads per-frame series as Parquet. docs/compare.md describes the format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from schemas.errors import WorkbenchError
from schemas.frame_series import FORMAT, MOST_ROWS, MOST_SERIES, FrameSeries, SeriesFacts, SeriesValues

if TYPE_CHECKING:
    import pyarrow as pa

_FORMAT_KEY, _SERIES_KEY = b"format", b"series"


def write_series(
    path: Path,
    frames: Sequence[int],
    times_s: Sequence[float],
    series: Mapping[str, Sequence[float | None]],
    facts: Sequence[SeriesFacts],
) -> None:
    """Write series over the frames of a video. Equal values give equal bytes with the same version of pyarrow.

    Args:
        frames: numbers of the frames, ascending.
        times_s: seconds from the first frame.
        series: name -> value of each of these frames; None or NaN where it was not measured.
        facts: of each series, in the order of the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array(frames, pa.int32()), pa.array(times_s, pa.float64())]
    for own in facts:
        values = [None if value is None or not math.isfinite(value) else value for value in series[own.name]]
        columns.append(pa.array(values, pa.float32()))
    described = orjson.dumps([own.model_dump(mode="json") for own in facts])
    names = ["frame", "time_s", *(own.name for own in facts)]
    metadata = {_FORMAT_KEY: FORMAT.encode(), _SERIES_KEY: described}
    pq.write_table(pa.table(columns, names=names, metadata=metadata), path, compression="zstd")


def series_facts(path: Path) -> list[SeriesFacts]:
    """What series a file has, from its footer. Raises WorkbenchError: node.bad_input, stack.missing_package."""
    return _facts(_footer(path))


def read_series(path: Path) -> FrameSeries:
    """All values of a file. Raises WorkbenchError: node.bad_input, stack.missing_package."""
    footer = _footer(path)
    facts = _facts(footer)
    try:
        import pyarrow.parquet as pq

        table = pq.read_table(path, memory_map=False)
        return FrameSeries(
            frames=table.column("frame").to_pylist(),
            times_s=table.column("time_s").to_pylist(),
            series=[
                SeriesValues(**own.model_dump(), values=[_finite(one) for one in table.column(own.name).to_pylist()])
                for own in facts
            ],
        )
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are among them
        raise _bad(f"{type(error).__name__}: {error}") from error


def _footer(path: Path) -> pa.Schema:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise WorkbenchError(
            "stack.missing_package",
            "series are read by pyarrow, which is not installed",
            where="pyarrow",
            remedy="pip install pyarrow",
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
    except (OSError, ValueError) as error:
        raise _bad(f"{type(error).__name__}: {error}") from error
    if rows > MOST_ROWS:
        raise _bad(f"{rows:,} rows", f"up to {MOST_ROWS:,} rows")
    return schema


def _facts(schema: pa.Schema) -> list[SeriesFacts]:
    metadata = schema.metadata or {}
    if metadata.get(_FORMAT_KEY) != FORMAT.encode():
        raise _bad(f"format {metadata.get(_FORMAT_KEY, b'none').decode(errors='replace')}")
    wanted = {"frame": "int32", "time_s": "double"}
    try:
        facts = [SeriesFacts.model_validate(own) for own in orjson.loads(metadata.get(_SERIES_KEY, b"[]"))]
    except ValueError as error:
        raise _bad("unreadable metadata") from error
    wanted |= {own.name: "float" for own in facts}
    seen: dict[str, Any] = {field.name: str(field.type) for field in schema}
    if seen != wanted or len(facts) > MOST_SERIES:
        raise _bad(f"the columns {seen}", f"the columns {wanted}")
    return facts


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _bad(seen: str, allowed: str = f"Parquet in the format {FORMAT}") -> WorkbenchError:
    return WorkbenchError(
        "node.bad_input",
        "the file has no per-frame series",
        where="series",
        seen=seen[:300],
        allowed=allowed,
        remedy="Write it as docs/compare.md says, or by nodes._frame_series.",
    )
