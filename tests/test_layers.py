"""The layers, as pyproject.toml draws them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_no_layer_imports_from_above() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "0 broken" in done.stdout
    assert "Analyzed" in done.stdout


def test_there_are_no_import_cycles() -> None:
    """Imports inside functions count too; only those for type checkers do not."""
    graph = grimp.build_graph("schemas", "nodes", "workbench", exclude_type_checking_imports=True, cache_dir=None)
    left = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    while True:  # a module without remaining imports or importers is in no cycle
        imported = set().union(*left.values()) if left else set()
        free = [module for module in left if not left[module] & left.keys() or module not in imported]
        if not free:
            break
        for module in free:
            del left[module]
    assert {module: sorted(names & left.keys()) for module, names in left.items()} == {}


def test_configuration_folders_do_not_shadow_packages() -> None:
    """``mlflow/`` beside the sources would be imported instead of the real package."""
    for folder in ("mlflow", "compose"):
        assert list((ROOT / folder).glob("**/__init__.py")) == []
        assert list((ROOT / folder).glob("**/test_*.py")) == []
    assert [path.name for path in ROOT.glob("*.py") if path.stem in ("redis", "mlflow", "types", "logging")] == []
