"""A server with faults, a folder of models with a catalogue of its own, and a screen that remembers."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nodes.catalogue import Catalogue, Model, load
from tests.weights.server import FileServer
from workbench.backoff import Backoff
from workbench.weights.download import Limits
from workbench.weights.fetch import Fetch, Fetched
from workbench.weights.folder import ModelFolder

LICENCE = '[licences.lab]\ntitle = "Lab"\nurl = "https://lab.test/licence"\nsays = "Research only."\n'
QUICK = Limits(
    parallel=4,
    range_bytes=65_536,
    stall_s=0.4,
    least_bytes_s=20_000,
    attempts=3,
    progress_bytes=1,
    backoff=Backoff(first_s=0.01, longest_s=0.02),
)


def some_bytes(size: int, seed: str = "") -> bytes:
    """A .safetensors file of this size with one tensor of random bytes."""
    length = size - 8 - 100
    header = json.dumps({"w": {"dtype": "U8", "shape": [length], "data_offsets": [0, length]}}).ljust(100)
    return struct.pack("<Q", 100) + header.encode() + random.Random(f"{size}{seed}").randbytes(length)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Said:
    """A screen that remembers."""

    texts: list[str] = field(default_factory=list)
    begun: list[tuple[str, int]] = field(default_factory=list)  # model, bytes that were here
    files: list[str] = field(default_factory=list)

    def begin(self, model: str, files: int, bytes_here: int, bytes_all: int | None) -> None:
        self.begun.append((model, bytes_here))

    def moved(self, model: str, bytes_here: int) -> None: ...

    def file_done(self, model: str, path: str, sha256: str, was_public: bool) -> None:
        self.files.append(path)

    def say(self, text: str) -> None:
        self.texts.append(text)


class Lab:
    """A folder of models whose catalogue names files of the server."""

    def __init__(self, root: Path, server: FileServer) -> None:
        self.folder = ModelFolder(root / "models")
        self.folder.root.mkdir(parents=True, exist_ok=True)
        self.server = server
        self.entries = LICENCE
        self.said = Said()

    def serve(
        self,
        name: str,
        files: dict[str, bytes],
        *,
        known: bool = True,
        sizes: bool = True,
        source: str = "",
        extra: str = "",
    ) -> Model:
        """Put files on the server and their model into the catalogue."""
        rows = []
        for path, content in files.items():
            self.server.files[f"/{name}/{path}"] = content
            digest = f', sha256 = "{sha256(content)}"' if known else ""
            size = f", size = {len(content)}" if sizes else ""
            rows.append(f'    {{ path = "{path}"{size}{digest} }},')
        where = source or f'{{ url = "{self.server.url}/{name}/" }}'
        self.entries += (
            f'\n[models."{name}"]\ntitle = "{name}"\nlicence = "lab"\nservices = ["lab.{name}"]\nsource = {where}\n'
            f"{extra}\nfiles = [\n" + "\n".join(rows) + "\n]\n"
        )
        (self.folder.root / "models.toml").write_text(self.entries)
        return self.catalogue.models[name]

    @property
    def catalogue(self) -> Catalogue:
        return load(self.folder.root)

    def fetch(self, *models: Model, mirror: str = "", limits: Limits = QUICK, accepted: bool = True) -> list[Fetched]:
        return Fetch(self.folder, self.said, mirror, limits, 1.0 if accepted else None).run(models)

    def installed(self, model: Model) -> dict[str, bytes]:
        """The files in the model's folder."""
        folder = self.folder.of(model.name)
        record = self.folder.record(model.name)
        assert record is not None
        return {path: (folder / path).read_bytes() for path in record.files}


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Lab:
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return Lab(tmp_path, server)
