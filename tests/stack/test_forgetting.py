"""Each way of forgetting, by itself: what goes, what stays, what a kill or another process in the middle does."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.stack.raw_search import raw_traces
from workbench.embedded import object_names
from workbench.embedded.compact_sqlite import vacuum
from workbench.embedded.compaction import compact
from workbench.embedded.home import prepare_home
from workbench.embedded.log_masking import mask_logs
from workbench.embedded.object_names import ask_for_rewrite, rewrite_answer, tidy_names
from workbench.settings import Settings

if sys.version_info >= (3, 12):
    import plyvel_next as plyvel
else:
    import plyvel

DEAD, ALIVE = b"name-of-somebody-gone", b"name-of-somebody-here"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose index of names has held a name that was deleted."""
    prepare_home(tmp_path)
    for number in ("00", "01"):
        (tmp_path / "objects" / object_names.FOLDER / number).mkdir(parents=True)
        with names(tmp_path, number) as index:
            index.put(DEAD, b"1")
            index.put(ALIVE, b"old" * 10)
            index.put(ALIVE, b"new" * 10)
            index.delete(DEAD)
    return tmp_path


def names(home: Path, number: str) -> plyvel.DB:
    return plyvel.DB(str(home / "objects" / object_names.FOLDER / number), create_if_missing=True)


def test_an_index_of_names_is_rewritten_when_asked_and_keeps_what_lives(home: Path) -> None:
    tidy_names(home)
    assert raw_traces(home, [DEAD]), "nobody has asked"
    ask_for_rewrite(home)
    assert rewrite_answer(home) is None
    tidy_names(home)
    assert rewrite_answer(home) == ""
    assert raw_traces(home, [DEAD, b"oldold"]) == []
    for number in ("00", "01"):
        with names(home, number) as index:
            assert list(index) == [(ALIVE, b"new" * 10)]


@pytest.mark.parametrize("killed", ["while copying", "between the renames", "before the old one is removed"])
def test_a_kill_while_rewriting_loses_no_name(home: Path, killed: str) -> None:
    store = home / "objects" / object_names.FOLDER
    old, copy = store.with_name(f"{store.name}.old"), store.with_name(f"{store.name}.new")
    if killed == "before the old one is removed":
        shutil.copytree(store, home / "kept")
        object_names.rewrite_names(home / "objects")
        (home / "kept").rename(old)
    else:
        shutil.copytree(store / "00", copy / "00")
        if killed == "between the renames":
            store.rename(old)
    tidy_names(home)
    assert not old.exists() and not copy.exists()
    with names(home, "01") as index:
        assert list(index) == [(ALIVE, b"new" * 10)]


def test_a_damaged_index_is_left_as_it_is_and_the_one_who_asked_is_told(home: Path) -> None:
    current = home / "objects" / object_names.FOLDER / "01" / "CURRENT"
    current.write_text("MANIFEST-999999\n")
    ask_for_rewrite(home)
    tidy_names(home)
    assert "MANIFEST-999999" in (rewrite_answer(home) or "")
    assert current.read_text() == "MANIFEST-999999\n" and (current.parent.parent / "00").is_dir()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_file_that_others_have_open_is_rewritten_and_one_that_is_read_is_told(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "x.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"PRAGMA journal_mode={mode}")
    other.execute("PRAGMA secure_delete=OFF")  # some builds of SQLite begin with ON
    other.execute("CREATE TABLE t (x)")
    other.executemany("INSERT INTO t VALUES (?)", [(DEAD.decode(),), (ALIVE.decode(),)])
    other.execute("DELETE FROM t WHERE x = ?", (DEAD.decode(),))
    assert raw_traces(tmp_path, [DEAD])
    other.execute("BEGIN")
    other.execute("SELECT * FROM t").fetchone()
    assert "x.sqlite3" in vacuum(path, wait_s=0.2)
    other.execute("COMMIT")
    assert vacuum(path) == ""
    assert raw_traces(tmp_path, [DEAD]) == []
    assert other.execute("SELECT x FROM t").fetchall() == [(ALIVE.decode(),)]
    other.close()


def test_digests_and_texts_are_blotted_out_of_logs_that_are_being_written(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log, digest = tmp_path / "logs" / "objects.log.1", "ab" * 32
    with log.open("ab", buffering=0) as written:
        written.write(b"." * (1024 * 1024 - 20) + f" deleted {digest} of 'words said'\n".encode())  # across two blocks
        assert mask_logs(tmp_path, [b"words said"]) == ""
        written.write(b"and on")
    assert raw_traces(tmp_path, [digest.encode(), b"words said"]) == []
    assert log.read_bytes().endswith(b" deleted abababab" + b"x" * 56 + b" of 'xxxxxxxxxx'\nand on")


def test_a_server_from_outside_is_named_with_what_its_operator_runs(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    outside = Settings(
        home=tmp_path, s3_url="https://s3.example", sql_url="postgresql+psycopg://me:secret@db.example/x"
    )
    told = {one.part: one.left for one in compact(outside)}
    assert "https://s3.example" in told["objects"] and "versions" in told["objects"]
    assert "db.example" in told["sql"] and "secret" not in told["sql"] and "VACUUM" in told["sql"]
    assert told["bus"] == "bus is not part of this stack." and told["logs"] == ""
