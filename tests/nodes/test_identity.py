"""The identity of a node: edits of its code change its digest; the machine and the Python version do not."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from nodes import identity, packages, source
from nodes.registry import services
from nodes.sdk import DECLARED
from schemas.errors import WorkbenchError
from schemas.graph import Node
from workbench.engine.content import content_key

ROOT = Path(__file__).parents[2]
NODE = """
from lab.tools import shapes
from nodes.sdk import Context, NodeModel, node

class Params(NodeModel): pass
class Inputs(NodeModel): pass
class Outputs(NodeModel): pass

@node("lab.draw", version="1.0.0", plane="data", packages=("NumPy",))
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    from .tools.colours import mix
    return Outputs()
"""
FILES = {
    "__init__.py": "",
    "draw.py": NODE,
    "tools/__init__.py": "",
    "tools/shapes.py": "from pathlib import Path\nTABLE = Path(__file__).with_name('table.json')\n",
    "tools/table.json": "[1]",
    "tools/colours.py": "def mix(a, b):\n    return f'{a + b:{1}}' + \"x\"  # both\n",
    "tools/unused.py": "RED = 1\n",
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with one node in a folder of its own, imported."""
    for name, text in FILES.items():
        path = tmp_path / "lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("lab.draw")
    try:
        yield tmp_path / "lab"
    finally:
        DECLARED.pop("lab.draw", None)
        _forget("lab")


def _forget(top: str) -> None:
    """Simulates a new process."""
    for name in [name for name in sys.modules if name.partition(".")[0] == top]:
        del sys.modules[name]
    source.find.cache_clear()


def key() -> str:
    """The content key of the node, as a process that starts now would compute it."""
    DECLARED.pop("lab.draw", None)
    _forget("lab")
    importlib.import_module("lab.draw")
    here = DECLARED["lab.draw"].identity
    node = Node(id="n", service="lab.draw", version="1.0.0", code=here.code, packages=list(here.packages))
    return content_key(node, {}, seed=None)


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"),
    [
        ("draw.py", "return Outputs()", "return Outputs( )", False),
        ("draw.py", "    from", "    # why\n\n    from", False),
        ("draw.py", "    from .tools.colours import mix\n    ", "\tfrom .tools.colours import mix\n\t", False),
        ("tools/colours.py", "# both", "# the sum of both", False),
        ("tools/unused.py", "1", "2", False),
        ("draw.py", "pass", "...", True),
        ("tools/colours.py", "a + b", "a - b", True),
        ("tools/colours.py", "    return", "    if a:\n        a = 1\n    return", True),
        ("tools/shapes.py", "TABLE", "TABLES", True),
        ("tools/table.json", "1", "2", True),
        ("__init__.py", "", "import os\n", True),
    ],
)  # fmt: skip
def test_an_edit_changes_the_key_and_a_comment_does_not(lab: Path, file: str, old: str, new: str, counts: bool) -> None:
    before, path = key(), lab / file
    path.write_text(path.read_text().replace(old, new, 1))
    assert (key() != before) is counts


def test_infrastructure_is_not_part_of_a_nodes_identity() -> None:
    made_of = set(source.modules_of("nodes.generate.portrait_animation"))
    assert {"nodes._face.mesh", "nodes._speech", "nodes.generate._puppet.painter"} < made_of
    public = {path.stem for path in (ROOT / "nodes").glob("[a-z]*.py")}
    assert {f"nodes.{name}" for name in public} == source.INFRASTRUCTURE
    for service in services().values():
        if service.run.__module__.startswith("nodes."):
            assert source.INFRASTRUCTURE.isdisjoint(source.modules_of(service.run.__module__))


NO_RESULT_OF = {"httpx", "orjson", "psutil", "pydantic", "safetensors", "urllib3"}  # carry and check; compute nothing
NOT_NAMED_AS_THEIR_MODULE = {"dlib": ["dlib-bin"]}
OF_ENGINES = {  # installed in their environments alone
    **{
        name: [name] for name in ("accelerate", "diffusers", "peft", "safetensors", "spandrel", "torch", "transformers")
    },
    "f5_tts": ["f5-tts"],
}


def test_the_packages_that_nodes_import_are_declared() -> None:
    distributions = OF_ENGINES | metadata.packages_distributions() | NOT_NAMED_AS_THEIR_MODULE
    known = set(sys.stdlib_module_names) | {"nodes", "schemas"} | NO_RESULT_OF
    for service in services().values():
        if not service.run.__module__.startswith("nodes.") or not service.cache:
            continue
        modules = source.modules_of(service.run.__module__).values()
        imported = {name.partition(".")[0] for module in modules for name in module.imports} - known
        declared = {packages.canonical(name) for name in service.packages}
        needed = {packages.canonical(name) for top in imported for name in distributions[top]}
        assert needed <= declared, service.service


def test_a_process_that_loaded_different_code_reports_it(lab: Path) -> None:
    declaration = DECLARED["lab.draw"]
    before, colours = declaration.code, lab / "tools" / "colours.py"
    colours.write_text(colours.read_text() + "# a comment\n")
    assert declaration.code == before
    colours.write_text(colours.read_text() + "AND = 'more'\n")
    with pytest.raises(WorkbenchError) as caught:
        declaration.identity  # noqa: B018
    assert (caught.value.code, caught.value.where) == ("node.code_changed", "lab.tools.colours")
    colours.write_text("def mix(:\n")
    with pytest.raises(WorkbenchError, match="changed after this process"):
        declaration.code  # noqa: B018
    colours.write_text(FILES["tools/colours.py"])
    assert declaration.code == before, "taken back"


def test_a_loose_module_includes_modules_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loose_node.py").write_text("import loose_sums\nimport json\nimport numpy\n")
    (tmp_path / "loose_sums.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(source.modules_of("loose_node")) == {"loose_node", "loose_sums"}


SCRIPT = """
import importlib.util, json, sys
def load(name):
    spec = importlib.util.spec_from_file_location(name, f"{sys.argv[1]}/nodes/{name}.py")
    module = importlib.util.module_from_spec(spec); sys.modules[name] = module; spec.loader.exec_module(module)
    return module
sys.path[:0] = [sys.argv[1], sys.argv[2]]
source, packages = load("source"), load("packages")
code = {name: source.code_digest(name) for name in sys.argv[3].split(",")}
print(json.dumps([code, packages.weights_digest(("hibari-tts",)), packages.versions(("hibari_tts",))]))
"""


def told_by(python: str, site: Path, names: list[str]) -> list[object]:
    """Digests of the nodes' code and of hibari's weights, from an interpreter without other packages."""
    command = [python, "-I", "-c", SCRIPT, str(ROOT), str(site), ",".join(names)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: list[object] = json.loads(ended.stdout)
    return found


def other_pythons() -> list[str]:
    """One interpreter of this machine for each other version from 3.11 on."""
    found: dict[str, str] = {}
    for minor in range(11, 16):
        places = [*Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"), shutil.which(f"python3.{minor}")]
        runs = [str(p) for p in places if p and subprocess.run([str(p), "-c", ""], capture_output=True).returncode == 0]
        if runs and minor != sys.version_info.minor:
            found[f"3.{minor}"] = runs[0]
    return list(found.values())


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """site-packages of two environments in different places, each with hibari-tts as an installer writes it there."""
    folders = []
    for name in ("here", "quite/another place"):
        environment = tmp_path_factory.mktemp("env") / name
        commands = (
            ["venv", "-q", "--python", sys.executable, str(environment)],
            ["pip", "install", "-q", "--no-deps", "--python", f"{environment}/bin/python", "hibari-tts==0.2.1"],
        )
        for arguments in commands:
            ended = subprocess.run(
                [sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False
            )
            if ended.returncode:
                pytest.skip(f"needs uv and hibari-tts==0.2.1, cached or from an index: {ended.stderr.strip()[-300:]}")
        folders += environment.glob("lib/python*/site-packages")
    return folders


def test_digests_are_independent_of_environment_path_and_python(environments: list[Path]) -> None:
    records = [next(site.glob("hibari_tts-*.dist-info/RECORD")).read_text() for site in environments]
    assert records[0] != records[1], "the script's line of the interpreter is in RECORD"
    names = ["nodes.generate.hibari_tts", "nodes.generate.remux"]
    here = [
        {name: source.code_digest(name) for name in names},
        packages.weights_digest(("hibari-tts",)),
        ["hibari-tts==0.2.1"],
    ]
    for site in environments:
        assert told_by(sys.executable, site, names) == here
    others = other_pythons()
    for python in others:
        assert told_by(python, environments[1], names) == here, python
    if not others:
        pytest.skip("only one Python here: the other half runs where another from 3.11 on is in PATH or ~/.pyenv")


def test_weights_are_the_data_files_however_they_were_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, plain, editable = (install(tmp_path / name) for name in ("wheel", "plain", "editable"))
    (plain / "tiny_model-1.0.dist-info" / "RECORD").unlink()  # as a distribution's own package, or from an archive
    (editable / "tiny_model-1.0.dist-info" / "RECORD").write_text("__editable__.tiny_model.pth,sha256=x,1\n")
    weights = {}
    for site in (wheel, plain, editable):
        weights[site.name] = weights_in(site, monkeypatch)
    assert weights["wheel"] == weights["plain"] == weights["editable"]
    other = install(tmp_path / "other", local="+cu128", code="def read(): return 2\n")
    assert weights_in(other, monkeypatch) == weights["wheel"], "code and versions are named beside the weights"
    assert packages.versions(("Tiny_Model",)) == ("tiny-model==1.0",)
    assert weights_in(install(tmp_path / "trained", model=b"more"), monkeypatch) != weights["wheel"]


def test_a_package_that_is_not_installed_is_named_with_its_remedy() -> None:
    with pytest.raises(WorkbenchError, match="lab needs the package absent-one") as caught:
        identity.versions_of(("numpy", "absent-one"), "lab", "pip install {package}")
    assert (caught.value.code, caught.value.remedy) == ("node.missing_package", "pip install absent-one")


def install(folder: Path, model: bytes = b"weights", local: str = "", code: str = "") -> Path:
    """A folder with a tiny package, as installed from a wheel whose scripts contain their location."""
    import base64
    import hashlib

    (folder / "tiny_model").mkdir(parents=True)
    info = folder / "tiny_model-1.0.dist-info"
    info.mkdir()
    files = {"tiny_model/__init__.py": code.encode(), "tiny_model/net.bin": model}
    lines = [f"../../bin/tiny,sha256={'a' * 43},{len(str(folder))}", f"{info.name}/INSTALLER,,"]
    for name, content in files.items():
        (folder / name).write_bytes(content)
        sha = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{name},sha256={sha},{len(content)}")
    (info / "RECORD").write_text("\n".join(lines) + "\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0{local}\n")
    return folder


def weights_in(site: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    packages.weights_digest.cache_clear()
    packages.versions.cache_clear()
    return packages.weights_digest(("tiny-model",))
