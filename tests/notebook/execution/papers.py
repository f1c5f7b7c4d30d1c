"""Small notebooks for tests, and the external requests of an exported page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FETCHED = {"src", "href", "poster", "data", "srcset", "action"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def write_notebook(path: Path, parameters: str, *cells: str, kernel: str = "python3") -> Path:
    """Write a notebook with a parameters cell and code cells, as an editor would save it."""

    def cell(source: str, *tags: str) -> dict[str, Any]:
        return {
            "cell_type": "code",
            "id": f"c{len(source)}",
            "metadata": {"tags": list(tags)} if tags else {},
            "execution_count": None,
            "outputs": [],
            "source": source.splitlines(keepends=True),
        }

    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        "cells": [cell(parameters, "parameters"), *(cell(f"{source}  # {n}") for n, source in enumerate(cells))],
    }
    path.write_text(json.dumps(document))
    return path


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def texts(document: Any) -> str:
    """All text that the cells printed or displayed."""
    found = []
    for cell in document["cells"]:
        for output in cell.get("outputs", ()):
            found.append("".join(output.get("text") or output.get("data", {}).get("text/plain", "")))
    return "\n".join(found)


def outside(page: str) -> list[str]:
    """The addresses on other hosts that a browser would load with the page, without links."""
    found: list[str] = []

    class Reader(HTMLParser):
        within = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.within = tag if tag in ("script", "style") else ""
            for name, value in attrs:
                if name in FETCHED and value and not (tag == "a" and name == "href"):
                    found.append(value)
                if name == "style" and value:
                    found.extend(_in_style(value))

        def handle_endtag(self, tag: str) -> None:
            self.within = ""

        def handle_data(self, data: str) -> None:
            if self.within == "style":
                found.extend(_in_style(data))
            if self.within == "script":
                found.extend(re.findall(r"""["'`](https?://[^"'`\s]+|//[\w.-]+/[^"'`\s]*)""", data))

    Reader().feed(page)
    return [url for url in found if _host(url) not in ("", *LOOPBACK)]


def _in_style(text: str) -> list[str]:
    return re.findall(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""", text)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
