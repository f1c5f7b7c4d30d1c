"""Per-frame series: any Parquet reader sees the columns, and files of another form are refused."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nodes._frame_series import read_series, series_facts, write_series
from schemas.errors import WorkbenchError
from schemas.frame_series import SeriesFacts

FACTS = [SeriesFacts(name="motion", unit="levels", better="neither"), SeriesFacts(name="sharpness", better="higher")]


def written(path: Path) -> Path:
    values = {"motion": [None, 0.5, 2.0], "sharpness": [7.0, float("nan"), 9.0]}
    write_series(path, [0, 1, 2], [0.0, 0.04, 0.08], values, FACTS)
    return path


def test_what_is_written_is_read_by_any_parquet_reader(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path / "a.parquet"))
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("frame", "int32"), ("time_s", "double"), ("motion", "float"), ("sharpness", "float")
    ]  # fmt: skip
    assert table.column("motion").to_pylist() == [None, 0.5, 2.0]
    assert table.schema.metadata[b"format"] == b"workbench.series.v1"
    assert orjson.loads(table.schema.metadata[b"series"])[1]["better"] == "higher"
    assert series_facts(tmp_path / "a.parquet") == FACTS
    found = read_series(tmp_path / "a.parquet")
    assert found.series[1].values == [7.0, None, 9.0] and found.times_s == [0.0, 0.04, 0.08]


def test_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "a.parquet").read_bytes() == written(tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("case", ["no parquet", "cut off", "no metadata", "other columns"])
def test_other_files_are_refused(case: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet")
    if case == "no parquet":
        path.write_bytes(b"frame,motion\n0,1\n")
    elif case == "cut off":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        table = pq.read_table(path)
        kept = None if case == "no metadata" else table.schema.metadata
        pq.write_table(pa.table({"frame": [0], "motion": [1.0]}).replace_schema_metadata(kept), path)
    with pytest.raises(WorkbenchError) as caught:
        read_series(path)
    assert caught.value.code == "node.bad_input" and caught.value.remedy
