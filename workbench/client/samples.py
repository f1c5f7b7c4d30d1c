"""The packaged portrait, as a file that can be given like any other."""

from __future__ import annotations

from pathlib import Path

SAMPLE = "sample"


def portrait_file(given: str | Path, home: Path) -> Path:
    """The file a person named; ``sample`` is the packaged portrait, unless there is a file of that name."""
    path = Path(given).expanduser()
    if str(given) == SAMPLE and not path.exists():
        from nodes._samples import sample_portrait

        folder = home / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        return sample_portrait(folder)
    return path
