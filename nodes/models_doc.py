"""Writes the table of ``docs/models.md`` from the shipped catalogue: ``python -m nodes.models_doc``."""

from __future__ import annotations

from pathlib import Path

from nodes.catalogue import Model, load

DEFAULT_PATH = Path("docs/models.md")
BEGIN = "<!-- written by python -m nodes.models_doc -->"
_COLUMNS = "| model | what it is | services | size | licence | digests |\n|---|---|---|---|---|---|"


def render(page: str) -> str:
    """The page with a row for each model after the line ``BEGIN``."""
    rows = "\n".join(_row(model) for model in load().models.values())
    return f"{page[: page.index(BEGIN) + len(BEGIN)]}\n\n{_COLUMNS}\n{rows}\n"


def _row(model: Model) -> str:
    services = ", ".join(f"`{service}`" for service in model.services)
    gb = model.known_bytes / 1e9
    size = (f"{gb:.1f} GB" if gb >= 1 else f"{gb * 1000:.0f} MB") if model.sizes_known else "not public"
    known = sum(1 for file in model.files if file.sha256)
    digests = "all" if known == len(model.files) else f"{known} of {len(model.files)}"
    licence = f"[{model.licence.title}]({model.licence.url})" + (", account needed" if model.gated else "")
    return f"| `{model.name}` | {model.title} | {services} | {size} | {licence} | {digests} |"


if __name__ == "__main__":
    DEFAULT_PATH.write_text(render(DEFAULT_PATH.read_text(encoding="utf-8")), encoding="utf-8")
