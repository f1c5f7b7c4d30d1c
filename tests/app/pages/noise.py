"""Console errors of the pages of Gradio and JupyterLab themselves, which fail no test.

An entry has the origin and the text of a report; both must match. A report that names any other script, such
as one of our modules (``/web/`` on the page, ``blob:`` in a notebook), is never noise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

ADDRESS = re.compile(r"(?:blob:)?\w+://[^\s)]+")
GRADIO = r"/assets/"
JUPYTERLAB = r"/static/lab/|/lab/extensions/@jupyter-widgets/"


@dataclass(frozen=True)
class Noise:
    """Args:
    origin: a regular expression that matches the start of the path of every address in the report.
    says: a regular expression found in the report.
    why: when it occurs.
    """

    origin: str
    says: str
    why: str

    def fits(self, report: str) -> bool:
        addresses = ADDRESS.findall(report)
        own = all(re.match(self.origin, urlsplit(address).path) for address in addresses)
        return bool(addresses) and own and re.search(self.says, report) is not None


KNOWN = (
    Noise(GRADIO, r"AbortError: ", "a page is left or loaded again before Gradio's requests are answered"),
    Noise(
        GRADIO,
        r"Unexpected error Connection errored out",
        "a page is left while Gradio reads a stream; a refusal of the server is reported by its status as well",
    ),
    Noise(JUPYTERLAB, r"NotFoundError: Failed to execute 'removeChild' on 'Node'", "a notebook is opened under load"),
    Noise(
        JUPYTERLAB, r"widget model not found", "outputs of earlier kernels: it saves the state of a running one only"
    ),
    Noise(
        r"/lab/extensions/anywidget/", r"\[anywidget\] Failed to initialize model", "it waits two seconds for a model"
    ),
    Noise(r"/lab/api/workspaces/", r"404", "each test opens a workspace that is new"),
    Noise(r"/api/kernels$", r"404", "a kernel is listed while it starts"),
)


def is_noise(report: str) -> bool:
    return any(noise.fits(report) for noise in KNOWN)
