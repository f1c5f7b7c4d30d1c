"""Videos from outside by their path: they are stored like uploads, and then have a digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workbench.client.access import LOCAL
from workbench.client.deployment import Deployment
from workbench.client.uploads import store_file


def given_names(deployment: Deployment, given: Sequence[str | Path], owner: str = LOCAL.name) -> list[str]:
    """The names that ``compare`` takes, for names and paths of video files on this machine. Blocks.

    A text is a path only if such a file exists, so jobs and digests keep their meaning.

    Args:
        owner: who keeps the files.

    Raises WorkbenchError: the errors of ``uploads.store_file``.
    """
    names = []
    for one in given:
        path = Path(one).expanduser()
        if isinstance(one, Path) or path.is_file():
            ref, _ = store_file(deployment, path, "video", owner=owner)
            names.append(ref.sha256)
        else:
            names.append(one)
    return names
