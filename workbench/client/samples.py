"""The packaged portrait as an ordinary input file."""

from __future__ import annotations

from pathlib import Path

SAMPLE = "sample"


def portrait_file(given: str | Path, home: Path) -> Path:
    """The file of the given name. ``sample`` is the packaged portrait, unless a file of that name exists."""
    path = Path(given).expanduser()
    if str(given) == SAMPLE and not path.exists():
        from nodes._samples import sample_portrait

        folder = home / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        return sample_portrait(folder)
    return path
