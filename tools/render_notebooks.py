"""The notebooks that ship, executed, as pages that stand alone: build/notebooks/*.html.

    .venv/bin/python tools/render_notebooks.py [NAME …]

Runs each on the stack of this home, which is started where none runs; small videos, so that a page stays under a few
megabytes. Players point to the deployment, which readers of the pages do not have: its files are put into the pages.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "build" / "notebooks"
SMALL = {
    "01_first_video": ("-p", "size", "256"),
    "02_inside_a_run": ("-p", "size", "256"),
    "run_pipeline": ("-p", "params.animate.size", "256"),
}
_OF_THE_BENCH = re.compile(r'src="(http://(?:127\.0\.0\.1|localhost)[^"]+)"')


def main(names: list[str]) -> None:
    """Write the pages and say how large each is."""
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if not names or notebook.stem in names:
            page = OUT / f"{notebook.stem}.html"
            text = alone(executed(notebook).read_text(encoding="utf-8"))
            page.write_text(text, encoding="utf-8")
            print(f"{page.relative_to(ROOT)}: {len(text) / 1e6:.1f} MB")


def executed(notebook: Path) -> Path:
    """The page of the executed notebook."""
    command = [sys.executable, "-m", "workbench.cli.main", "notebook", "run", str(notebook), "--json"]
    options = ["--experiment", "docs", "--out", str(OUT / "executed"), *SMALL.get(notebook.stem, ())]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    return Path(json.loads(done.stdout)["executions"][0]["html"])


def alone(page: str) -> str:
    """The page with the deployment's files in it, and links to the other pages."""

    def carried(found: re.Match[str]) -> str:
        with urllib.request.urlopen(found[1].replace("&amp;", "&")) as answer:
            kind = answer.headers.get_content_type()
            return f'src="data:{kind};base64,{base64.b64encode(answer.read()).decode()}"'

    return re.sub(r'(href="\w+)\.ipynb"', r'\1.html"', _OF_THE_BENCH.sub(carried, page))


if __name__ == "__main__":
    main(sys.argv[1:])
